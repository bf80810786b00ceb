"""A channel of paramiko's that keeps the order of what it says.

paramiko lets go of a channel's lock between making a message and sending it. A command that ends
while its input is still on the way has its channel closed by the thread that listens, and the rest
of the input may go out after that word (paramiko's issue 1115). OpenSSH's server then ends the
whole connection: "packet referred to nonexistent channel".
"""

from __future__ import annotations

import threading
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_CLOSE


def orderly(channel: paramiko.Channel) -> paramiko.Channel:
    """The same channel, of which nothing is sent any more once it has been closed."""
    channel.transport = _WayOut(channel.transport)
    return channel


class _WayOut:
    """A transport as one of its channels sees it."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self._sending = threading.Lock()
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_user_message(self, message: paramiko.Message) -> None:
        with self._sending:
            if self._closed:
                return
            self._closed = message.asbytes().startswith(cMSG_CHANNEL_CLOSE)
            self._transport._send_user_message(message)
