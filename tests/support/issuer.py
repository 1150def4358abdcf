"""OpenID provider on 127.0.0.1 that signs tokens and serves its keys."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey


class Issuer:
    """Provider that runs until it is closed."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "first"})]
        self.requests = 0
        self.is_away = False
        self.answers = Event()
        """While cleared, requests wait."""
        self.answers.set()
        self.claimed_url: str | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                issuer.answers.wait()
                if issuer.is_away:
                    self.send_error(503)
                    return
                document: Any = {"issuer": issuer.claimed_url or issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                if self.path == "/keys":
                    document = KeySet(list(issuer.keys)).as_dict(private=False)
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def sign(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token for an agent, valid by default; a claim set to None is left out."""
        key = key or self.keys[-1]
        now = int(time.time())
        defaults = {
            "iss": self.url,
            "aud": "accueil",
            "sub": "agent-7",
            "exp": now + 300,
            "iat": now,
            "roles": ["guichet"],
        }
        payload = {name: value for name, value in (defaults | claims).items() if value is not None}
        return jwt.encode(
            {"alg": "RS256", "kid": key.kid} | (header or {}), payload, key, algorithms=["RS256", "HS256"]
        )

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()
