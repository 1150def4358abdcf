"""Options of listening sockets."""

import asyncio
import socket

import pytest

from connectors.sdk.sockets import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_small_responses_are_sent_immediately(host: str) -> None:
    """Without TCP_NODELAY, the body of a response waits until the client has acknowledged the head."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    async def serve() -> bool:
        no_delay: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def accept() -> asyncio.Protocol:
            class Accepted(asyncio.Protocol):
                def connection_made(self, transport: asyncio.BaseTransport) -> None:
                    connection = transport.get_extra_info("socket")
                    no_delay.set_result(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
                    transport.close()

            return Accepted()

        with listen(host, 0) as listener:
            server = await asyncio.get_running_loop().create_server(accept, sock=listener)
            _, writer = await asyncio.open_connection(host, listener.getsockname()[1])
            try:
                return await no_delay
            finally:
                writer.close()
                server.close()

    assert asyncio.run(serve())
