"""Schema of the settings of reasons for contact."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from connectors.sdk.contact_reasons import ReasonRule, has_words
from models.envelope import Label
from models.locale import _
from models.topics import Channel
from streams.settings.base import Section
from streams.web.options import ReasonOptions


def _check_words(text: str) -> str:
    if not has_words(text):
        raise ValueError(_("must contain a letter or digit"))
    return text


SubjectWord = Annotated[
    str, StringConstraints(min_length=2, max_length=100, strip_whitespace=True), AfterValidator(_check_words)
]


class ContactReason(Section):
    """A reason for contact, and the rules by which connectors set it. Reasons that are not listed are refused."""

    label_fr: str = ""
    """Displayed name, by default the name of the table."""
    label_en: str = ""
    """Displayed name in English, by default `label_fr`."""
    channels: tuple[Channel, ...] = ()
    """Channels in which this reason may occur; empty: all."""
    menu_options: tuple[Label, ...] = ()
    """Choices in voice menus that set the reason (the names of `call.menu_chosen`)."""
    queues: tuple[Label, ...] = ()
    """Queues of calls, visits, e-mails and appointments that set the reason."""
    procedures: tuple[Label, ...] = ()
    """Online procedures that set the reason."""
    subject_words: tuple[SubjectWord, ...] = Field(default=())
    """Words in the subject line of an e-mail that set the reason, regardless of case and accents. The subject stays in the
    connector."""

    def to_board_options(self, table: str) -> ReasonOptions:
        """Return the board's options for this reason; `table` is the name of its table, and of the reason in events."""
        channels = tuple(channel.value for channel in self.channels)
        return ReasonOptions(table, self.label_fr or table, self.label_en or self.label_fr or table, channels)

    def to_rule(self, table: str) -> ReasonRule:
        """Return the rule by which connectors set this reason; `table` is the name of its table."""
        return ReasonRule(table, self.channels, self.menu_options, self.queues, self.procedures, self.subject_words)
