"""Options of listening sockets."""

import asyncio
import socket

import pytest

from connectors.sdk.sockets import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_have_nagle_s_algorithm_disabled(host: str) -> None:
    """Head and body of a response are two writes; with Nagle's algorithm, the second waits for an acknowledgement."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    async def serve() -> bool:
        nodelay: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def accept() -> asyncio.Protocol:
            class Probe(asyncio.Protocol):
                def connection_made(self, transport: asyncio.BaseTransport) -> None:
                    connection = transport.get_extra_info("socket")
                    nodelay.set_result(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
                    transport.close()

            return Probe()

        with listen(host, 0) as listener:
            server = await asyncio.get_running_loop().create_server(accept, sock=listener)
            _, writer = await asyncio.open_connection(host, listener.getsockname()[1])
            try:
                return await nodelay
            finally:
                writer.close()
                server.close()

    assert asyncio.run(serve())
