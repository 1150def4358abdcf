"""Source of the records in one list of a JSON API, which is polled."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import msgspec
import structlog

from connectors.http.authentication import TokenRenewal, make_auth
from connectors.http.config import SIGNED_PARAMETERS, AuthOptions, HttpConfig
from connectors.http.further_pages import describe_further_pages
from connectors.http.pages import PageName, first_page, next_page, request_of, step_back, without_parameters
from connectors.http.poll_position import PollPosition, time_writer
from connectors.http.responses import EMPTY, ResponseError, read_body
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import SourceRefusedError
from connectors.sdk.mapping.conversions import time_reader
from connectors.sdk.mapping.fields import field_getter
from connectors.sdk.probe import WAIT_SECONDS, read_available, scratch
from connectors.sdk.pull import TOO_LARGE, Answer, HttpClient, Interval
from connectors.sdk.record_source import Page, PlacedRecord, RecordSource
from connectors.sdk.samples import read_json_sample
from models.codec import UnusableRecord
from models.locale import _

BUSY_SECONDS: Final = 5.0
"""Longest time that one `read` skips pages without new records."""
SHORT_SECONDS: Final = 0.01
"""Longest rest of the pause between requests that `read` waits for even with `wait_seconds` 0."""
LATE_SECONDS: Final = 5.0
"""Time since the begin of a `read_page` after which it sends no further request."""
LOST_PAGE: Final = frozenset({400, 404, 410, 422})
"""Statuses with which servers answer to a cursor that is no longer valid."""
GONE: Final = frozenset({404})
"""Status with which servers answer to a page after the last one."""
SINCE_TOLERANCE_SECONDS: Final = 86_400.0
"""Time before the requested one up to which records are no sign that the server ignores `since.parameter`."""

log = structlog.get_logger(__name__)


class HttpSource(RecordSource):
    """Reads the pages of one list, poll after poll."""

    def __init__(self, config: HttpConfig, context: Context) -> None:
        """Open the store. Raises `ConnectorError`, and the errors of `Context.pseudonym_key`."""
        super().__init__(config, context)
        self._config = config
        self._url = httpx.URL(config.url)
        self._tokens = TokenRenewal(config.auth.oauth2) if config.auth and config.auth.oauth2 else None
        auth = self._tokens.auth if self._tokens else make_auth(config.auth) if config.auth else None
        self._client = HttpClient(f"{self._url.scheme}://{self._url.netloc.decode('ascii')}", auth=auth)
        self._refusals = _refusals(config.auth)
        self._interval = Interval(config.poll_seconds)
        self._request_at = 0.0
        self._part = _part_of(config)
        self._first = first_page(config.pagination)
        self._credential_names = _credential_names(config.auth)
        self._last_page: tuple[PageName, bytes] | None = None
        zone = ZoneInfo(config.timezone) if config.timezone else None
        self._start: float | None = None
        if config.since:
            self._time_of = field_getter(config.since.field)
            self._read_time = time_reader(config.time_format, zone)
            self._write_time = time_writer(config.since.format, zone)
            start = config.since.start
            self._start = datetime(*start.timetuple()[:3], tzinfo=zone or UTC).timestamp() if start else None

    def read(self, wait_seconds: float) -> Sequence[Outcome]:
        """Return the outcomes of the next page with new records; none after `wait_seconds` or `BUSY_SECONDS` without any.

        Raises `SourceUnavailableError`.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while not (outcomes := super().read(wait_seconds)) and self.is_polling and time.monotonic() < deadline:
            pause_seconds = max(0.0, self._request_at - time.monotonic())
            if pause_seconds > max(wait_seconds, SHORT_SECONDS):
                break
            time.sleep(pause_seconds)
        return outcomes

    def read_page(self) -> Page:
        """Request the next page of the poll in progress, or the first one if a poll is due. Raises `SourceUnavailableError`."""
        if not self.is_polling or time.monotonic() < self._request_at:
            return Page()
        began_at = time.monotonic()
        if self._tokens and self._tokens.is_due:
            self._tokens.renew()
            if time.monotonic() - began_at > LATE_SECONDS:
                return Page()
        self._request_at = time.monotonic() + 1 / self._config.requests_per_second
        position = self._poll_position
        if position.page is None:
            position = self._begin_poll(position)
        page = position.page
        assert page is not None
        answer = self._ask(position, page)
        if answer.status in {httpx.codes.OK, httpx.codes.NO_CONTENT}:
            if self._tokens:
                self._tokens.accept()
            try:
                return self._read_answer(position, page, answer)
            except ResponseError as error:
                raise self._client.refusal(str(error)) from None
        if answer.status == httpx.codes.UNAUTHORIZED and self._tokens:
            self._tokens.discard()
            return Page()
        return self._save(self._without_page(position, page))

    def close(self) -> None:
        """Close the store and the connections."""
        self._client.close()
        if self._tokens:
            self._tokens.close()
        super().close()

    @property
    def _poll_position(self) -> PollPosition:
        saved = self.positions.get(self._part)
        try:
            return msgspec.msgpack.decode(saved, type=PollPosition) if saved else PollPosition()
        except msgspec.DecodeError:
            raise self.damaged() from None

    @property
    def is_polling(self) -> bool:
        """True if a poll is due or in progress."""
        return self._interval.due or self._poll_position.page is not None

    def _begin_poll(self, position: PollPosition) -> PollPosition:
        """Return the position at the beginning of a poll."""
        self._last_page = None
        return position.begin(self._first, time.time(), self._config.since.whole_seconds if self._config.since else 0.0)

    def _ask(self, position: PollPosition, page: PageName) -> Answer:
        """Request a page. Return also responses of statuses that have a meaning here. Raises `SourceUnavailableError`."""
        config = self._config
        params: dict[str, Any] = {**config.params}
        if config.since and (begin := self._requested_since(position)) is not None:
            params[config.since.parameter] = self._write_time(begin)
        path, page_params = request_of(config.pagination, self._url.raw_path.decode("ascii"), params, page)
        accepted = {int(httpx.codes.NO_CONTENT)}
        if page != self._first and config.pagination:
            accepted |= GONE if config.pagination.by in {"page", "offset"} else LOST_PAGE
        if self._tokens and self._tokens.is_proven:
            accepted.add(httpx.codes.UNAUTHORIZED)
        try:
            return self._client.ask(
                "GET", path, params=page_params, headers=config.headers, accepted=accepted, refusals=self._refusals
            )
        except SourceRefusedError:
            if self._tokens:
                self._tokens.discard()
            raise

    def _requested_since(self, position: PollPosition) -> float | None:
        """Return the time since which the poll requests records; None for all."""
        if self._config.since is None or position.since is None or position.is_whole:
            return self._start
        begin = position.since - self._config.since.overlap_seconds
        return begin if self._start is None else max(begin, self._start)

    def _without_page(self, position: PollPosition, page: PageName) -> PollPosition:
        """Return the position after the server had no page `page`, which is not the first one.

        A page by number or offset was after the end, if the page before it still exists. In all other cases the poll starts
        again after a pause: the list has become shorter, the cursor has expired, or the server is being changed.
        """
        pagination = self._config.pagination
        assert pagination is not None
        if pagination.by in {"page", "offset"} and not position.is_past_end:
            return msgspec.structs.replace(position, page=step_back(pagination, page), is_past_end=True)
        self._client.refusal(_("pagination: the server no longer has the next page, so the list is read again"))
        return self._begin_poll(position)

    def _read_answer(self, position: PollPosition, page: PageName, answer: Answer) -> Page:
        """Return the records of a response, with the position after it. Raises `ResponseError`."""
        is_empty = answer.status == httpx.codes.NO_CONTENT
        body, found = EMPTY if is_empty else read_body(answer.content, self._config.records)
        following = None if position.is_past_end else self._next_page(page, len(found), answer, body)
        if self._is_repeated(page, found):
            following = None
        records = [self._place(item, page, number) for number, item in enumerate(found, 1)]
        times: Sequence[float | None] = ()
        news: Sequence[bool] = ()
        if self._config.since:
            times, news = [self._time_or_none(record) for record in records], self.find_news(records)
            self._check_since(times, self._requested_since(position))
        position = position.after(following, times, news, time.time())
        if position.page is None:
            self._interval.restart()
        return self._save(position, records)

    def _next_page(self, page: PageName, count: int, answer: Answer, body: Any) -> PageName | None:
        pagination = self._config.pagination
        following = next_page(pagination, page, count, self._url, answer.headers, body)
        if pagination and pagination.by == "link" and isinstance(following, str):
            return without_parameters(following, self._credential_names)
        return following

    def _is_repeated(self, page: PageName, found: Sequence[Any]) -> bool:
        """Return whether the server repeats its last page for each page after it. Raises `ResponseError`.

        Raise if the second page repeats the first, and may have further records: the server may ignore the parameter.
        """
        digest = hashlib.blake2b(msgspec.json.encode(found, enc_hook=str), digest_size=16).digest()
        before, digest_before = self._last_page or (page, b"")
        self._last_page = page, digest
        pagination = self._config.pagination
        if pagination is None or not found or before == page or digest_before != digest:
            return False
        if pagination.by not in {"page", "offset"}:
            raise ResponseError(_("pagination: the server repeats a page"))
        if before != self._first or (pagination.size is not None and len(found) < pagination.size):
            return True
        raise ResponseError(
            _(
                "pagination: the second page is the same as the first; check the parameter {name}, or set size",
                name=pagination.page_parameter,
            )
        )

    def _place(self, item: Any, page: PageName, number: int) -> PlacedRecord:
        if isinstance(page, int) and self._config.pagination and self._config.pagination.by == "offset":
            place = f"record {page + number}"
        else:
            place = f"page {page}, record {number}" if isinstance(page, int) else f"record {number}"
        if isinstance(item, dict):
            return PlacedRecord(item, place)
        return PlacedRecord({"value": item}, place, "not a JSON object")

    def _time_or_none(self, record: PlacedRecord) -> float | None:
        """Return the time of the last change of a record; None if it cannot be read."""
        try:
            value = self._time_of(record.fields)
            return None if value is None else self._read_time(value).timestamp()
        except (UnusableRecord, ValueError, OverflowError):
            return None

    def _check_since(self, times: Sequence[float | None], begin: float | None) -> None:
        """Log a warning if `since` has no effect: the whole list is then read in each poll."""
        assert self._config.since is not None
        known = [at for at in times if at is not None]
        if times and not known:
            field = self._config.since.field
            log.warning("since_has_no_effect", reason=_("since.field: no record has a time at {field}", field=field))
        elif known and begin is not None and min(known) < begin - SINCE_TOLERANCE_SECONDS:
            log.warning("since_has_no_effect", reason=_("since.parameter: the server lists older records, too"))

    def _save(self, position: PollPosition, records: Sequence[PlacedRecord] = ()) -> Page:
        other: dict[str, bytes | None] = {part: None for part in self.positions if part != self._part}
        return Page(records, {**other, self._part: msgspec.msgpack.encode(position)})


class _ProbedSource(HttpSource):
    """Waits for the pause between two requests in each `read`, so that it returns nothing only at the end of a poll.

    If the list has no `pagination`, `further_pages` names signs of further pages in the last response; empty without any.
    """

    further_pages = ""

    def _next_page(self, page: PageName, count: int, answer: Answer, body: Any) -> PageName | None:
        if self._config.pagination is None:
            self.further_pages = describe_further_pages(answer.headers, body, count)
        return super()._next_page(page, count, answer, body)

    def read(self, wait_seconds: float) -> Sequence[Outcome]:
        return super().read(max(wait_seconds, min(2 / self._config.requests_per_second, WAIT_SECONDS)))


def probe(config: HttpConfig, context: Context) -> Sequence[Outcome]:
    """Read the next pages for a short time and map them. Raises `SourceUnavailableError`."""
    with scratch(context) as own, closing(_ProbedSource(config, own)) as source:
        outcomes = read_available(source, WAIT_SECONDS)
        outcomes.has_more = outcomes.has_more or source.is_polling
        if config.pagination is None:
            outcomes.extent = _("one page; no pagination is set")
        if source.further_pages:
            outcomes.trouble = _("only one page is read: {sign}", sign=source.further_pages)
        return outcomes


def read_sample(config: HttpConfig, path: Path) -> Sequence[PlacedRecord]:
    """Return the records of a file with a response of the API. Raises `ConfigError`."""
    return read_json_sample(path, config.records or "")


def _part_of(config: HttpConfig) -> str:
    """Return the name of the list's position. It changes with the options that decide what the list contains."""
    pagination = config.pagination.model_dump(mode="json") if config.pagination else None
    since = config.since.model_dump(mode="json", exclude={"overlap_seconds", "whole_seconds"}) if config.since else None
    content = [config.url, config.records, config.params, pagination, since, config.timezone, config.time_format]
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=12).hexdigest()


def _credential_names(auth: AuthOptions | None) -> frozenset[str]:
    """Return the parameters with credentials, which servers may repeat in links."""
    if auth and auth.signed:
        return frozenset(SIGNED_PARAMETERS)
    return frozenset({auth.key.parameter}) if auth and auth.key and auth.key.parameter else frozenset()


def _refusals(auth: AuthOptions | None) -> Mapping[int, str]:
    """Return status of the server → message for the operator, which names the option."""
    return {
        400: _("does not accept the request (400): check url, params, pagination and since"),
        TOO_LARGE: _("answers with too much at once: set a smaller pagination.size"),
        **{status: _explain_refusal(auth, status) for status in (401, 403)},
    }


def _explain_refusal(auth: AuthOptions | None, status: int) -> str:
    if auth is None:
        return _("refuses requests without authentication ({status}): set auth", status=status)
    if auth.signed:
        return _(
            "refuses auth.signed ({status}): are orig and secret right, and is the clock of this machine exact?",
            status=status,
        )
    return _(
        "refuses auth.{method} ({status}): is it right, still valid, and allowed from this machine?",
        method=auth.method,
        status=status,
    )
