"""Pages of batches: their list, the preview with its confirmation, progress, result, and undo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField

from lms.batches.kinds import BatchKind
from lms.batches.models import AT_ONCE, NAMED, BatchRow, EntryState
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Role
from lms.core.text.i18n import _l
from lms.core.text.typed_text import REASON_LENGTH
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.web.forms.forms import BaseForm, flash_refusal
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, Guard, allow
from lms.web.request.identity import current_actor

REASON = _l("Reason")
bp = Blueprint("batches", __name__, template_folder="templates")


class ReasonForm(BaseForm):
    """The reason for a change of many rows."""

    reason = TextAreaField(REASON)


@dataclass(frozen=True)
class BatchPages:
    """The pages of one kind of batch.

    `path` is the address of the list. `endpoints` are those of the list, of one batch, and of its undo; `templates`
    those of one batch, which extends `batches/batch.html`, and of the list, which extends `batches/batches.html`.
    `back` is the address of the page on which people select rows. `more` adds what the template of one batch needs
    besides what all have; `question` is the label of the reason, which has at most `reason_length` characters.
    """

    kind: BatchKind[Any, Any]
    path: str
    endpoints: tuple[str, str, str]
    templates: tuple[str, str]
    back: Callable[[Any], str]
    question: Any = REASON
    reason_length: int = REASON_LENGTH
    guard: Guard | Role = SIGNED_IN
    more: Callable[..., Mapping[str, Any]] = lambda *_view, **_reader: {}

    def add_to(self, bp: Blueprint) -> None:
        """Adds the pages to a blueprint."""
        listing, page, undo = self.endpoints
        kind = self.kind

        @bp.get(self.path, endpoint=listing)
        @allow(self.guard)
        def show_list(**place: Any) -> ResponseReturnValue:
            """Lists the confirmed changes of several rows, latest first."""
            by = current_actor()
            owner = kind.find_owner(by=by, **place)
            batches = kind.list_batches(owner, by=by)
            return render_template(
                self.templates[1],
                batches=batches,
                owner=owner,
                back=self.back(owner),
                url_of=lambda view: url_for(f".{page}", batch=view.batch.public_id, **place),
            )

        @bp.route(f"{self.path}/<batch>", methods=["GET", "POST"], endpoint=page)
        @allow(self.guard)
        def show_batch(batch: str, **place: Any) -> ResponseReturnValue:
            """Previews a change of several rows in numbers and confirms it; then shows its progress and its result."""
            by, at = current_actor(), clock.now()
            owner, address = kind.find_owner(by=by, **place), url_for(f".{page}", batch=batch, **place)
            form, status = ReasonForm(), 200
            form.reason.label.text = self.question
            if request.method == "POST":

                def work() -> None:
                    kind.confirm(kind.id_of(owner), batch, reason=form.reason.data, by=by, at=at)

                failed = form.attempt(work)
                if failed is None:
                    return redirect(address, 303)
                status = failed
            view = kind.get_batch(owner, batch, by=by)
            preview = view.preview(by=by, at=at)
            shown = (EntryState.CHANGED, EntryState.TAKEN_BACK) if preview is None else (EntryState.PENDING,)
            return render_template(
                self.templates[0],
                view=view,
                batch=view.batch,
                choice=view.choice,
                owner=owner,
                preview=preview,
                pending=view.count(EntryState.PENDING),
                people=view.people(*shown, by=by),
                left_out=view.people(*kind.left_out, by=by),
                reason_length=self.reason_length,
                is_long=view.batch.size > AT_ONCE,
                most=NAMED,
                countries=country_names(reader_locale()),
                form=form,
                address=address,
                undo=url_for(f".{undo}", batch=batch, **place),
                listing=url_for(f".{listing}", **place),
                back=self.back(owner),
                at=at,
                **self.more(view, preview, by=by, at=at),
            ), status

        @bp.post(f"{self.path}/<batch>/undo", endpoint=undo)
        @allow(self.guard)
        def undo_one(batch: str, **place: Any) -> ResponseReturnValue:
            """Undoes a change of several rows, except for those that were changed again since."""
            by = current_actor()
            owner = kind.find_owner(by=by, **place)
            with flash_refusal():
                kind.undo(kind.id_of(owner), batch, by=by, at=clock.now())
            return redirect(url_for(f".{page}", batch=batch, **place), 303)


def preview_or_return(preview: Callable[[], BatchRow], *, page: Callable[[str], str], back: str) -> ResponseReturnValue:
    """Makes a preview and leads to its page; if it is refused, back to the list, which says why."""
    try:
        batch = preview()
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        return redirect(back, 303)
    return redirect(page(batch.public_id), 303)
