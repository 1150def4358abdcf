"""Settings of one mailbox in Microsoft 365."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints

from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.mail.config import Address, MailboxConfig
from connectors.sdk.microsoft.config import MicrosoftApp

FolderPath = Annotated[str, StringConstraints(pattern=r"^[^/*\x00-\x1f][^*\x00-\x1f]*(/\*)?$")]


class GraphConfig(MailboxConfig, MicrosoftApp):
    """Settings of one mailbox in Microsoft 365."""

    mailbox: Address
    """Main address (user principal name) of the mailbox, which may be a shared mailbox."""
    folders: Annotated[tuple[FolderPath, ...], Field(min_length=1)] = ("inbox",)
    """Folders of received and filed mail: `inbox`, `archive`, or names from the top, such as `Dossiers/2026`. `Dossiers/*` means
    all folders below `Dossiers`."""
    sent: Annotated[tuple[FolderPath, ...], Field(min_length=1)] = ("sentitems",)
    """Folders of sent mail, named in the same way."""
    poll_seconds: Annotated[float, Field(ge=5, le=3600)] = 60.0
    """Interval between polls of all folders, in seconds."""

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield the folders, which no other instance may read. The folders matched by a pattern are not known yet."""
        yield from super().exclusive_resources()
        for folder in self.folders:
            yield ExclusiveResource("folders", "mailbox", f"{self.mailbox}@{self.graph_url}/{folder.casefold()}")
