"""HTTP as uvicorn speaks it, and a way to leave a peer that reads nothing: its socket and its buffers are free at once."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.alert_stream import CUT


class Protocol(HttpToolsProtocol):
    """uvicorn itself closes a connection only when all that waits there has left, and logs an error for a response without an end."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"cut": self.transport.abort}}
