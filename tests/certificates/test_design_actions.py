"""Designs through their actions: drafted, put into use, chosen, and never changed once they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.catalogue.models import CertificateKind
from lms.certificates.actions import awards, changes
from lms.certificates.actions import designs as designing
from lms.certificates.designs import versions
from lms.certificates.designs.design import BUILT_IN
from lms.certificates.models import Certificate, CertificateDesign
from lms.certificates.pdf import store
from lms.certificates.queries import designs as drawings
from lms.certificates.queries.designs import Look
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.storage import files
from tests.certificates.conftest import Programme
from tests.certificates.test_image_sanitizer import SQUARE, raster, svg
from tests.paper import inside

Make = Callable[..., Programme]
REPORTER = Actor(person_id=7, roles=frozenset({Role.REPORTER}))
LOOKS = {"name": "Red", "accent": "#7a1f3d", "ink": "#0e1a1c", "quiet": "#48585b", "signatory": "Zhou Anran"}
FRENCH = {"participation": "Attestation", "completion": "Attestation", "sentence": "a suivi {attended} conférences"}


def drafted(by: Actor, at: datetime, name: str = "Red") -> int:
    family = designing.create_design(name, by=by, at=at)
    designing.set_looks(family, {**LOOKS, "name": name}, by=by, at=at)
    return family


def in_use(by: Actor, at: datetime, name: str = "Red") -> tuple[int, int]:
    family = drafted(by, at, name)
    return family, designing.publish_design(family, by=by, at=at)


def issue(series: Programme, name: str, at: datetime) -> Certificate:
    kind = CertificateKind.PARTICIPATION
    awards.issue_batch(series.series_id, kind, [series.people[name]], by=SYSTEM, at=at)
    return db.session.scalars(select(Certificate).where(Certificate.name == name)).one()


@pytest.mark.databases
def test_a_series_takes_its_own_design_else_the_one_for_all_else_the_built_in(
    context: None, programme: Make, administrator: Actor, at: datetime
) -> None:
    series = programme({"Ada": "aaa"})
    by = administrator
    (red, red_version), (blue, blue_version) = in_use(by, at), in_use(by, at, "Blue")
    assert (red_version, blue_version) == (2, 3)

    def taken() -> int:
        return versions.version_of_series(series.series_id)

    assert taken() == 1
    designing.set_default(red, by=by, at=at)
    assert taken() == 2
    designing.choose_design(series.slug, blue, by=by, at=at)
    assert taken() == 3
    designing.choose_design(series.slug, 0, by=by, at=at)
    assert taken() == 1
    designing.choose_design(series.slug, None, by=by, at=at)
    assert taken() == 2
    designing.set_default(None, by=by, at=at)
    assert taken() == 1


def test_what_was_issued_stays_as_it_was(context: None, programme: Make, administrator: Actor, at: datetime) -> None:
    series = programme({"Ada": "aaa", "Bo": "aaa"})
    by = administrator
    red, _version = in_use(by, at)
    designing.set_default(red, by=by, at=at)
    ada = issue(series, "Ada", at)
    assert ada.design == 2
    designing.set_looks(red, {**LOOKS, "signatory": "Li Na"}, by=by, at=at + timedelta(hours=1))
    assert versions.version_of_series(series.series_id) == 2  # drafted only
    assert designing.publish_design(red, by=by, at=at + timedelta(hours=1)) == 3
    assert [versions.design_of(version).signatory for version in (2, 3)] == ["Zhou Anran", "Li Na"]
    assert issue(series, "Bo", at + timedelta(hours=2)).design == 3
    assert db.session.get_one(Certificate, ada.id).design == 2
    assert versions.design_of(1) is BUILT_IN


def test_a_corrected_name_keeps_the_design(context: None, programme: Make, administrator: Actor, at: datetime) -> None:
    series = programme({"Ada": "aaa"})
    red, _version = in_use(administrator, at)
    designing.set_default(red, by=administrator, at=at)
    issue(series, "Ada", at)
    designing.set_default(None, by=administrator, at=at)
    from lms.people.models import Person

    db.session.get_one(Person, series.people["Ada"]).full_name = "Ada Obi"
    db.session.commit()
    changes.supersede(series.people["Ada"], by=SYSTEM, at=at)
    assert db.session.scalars(select(Certificate.design).order_by(Certificate.id)).all() == [2, 2]


def test_the_file_of_a_certificate_has_its_design(
    context: None, programme: Make, administrator: Actor, at: datetime
) -> None:
    series = programme({"Ada": "aaa"})
    by = administrator
    red = drafted(by, at)
    designing.set_picture(red, "logo", raster("PNG"), "Arms of the ministry", by=by, at=at)
    designing.publish_design(red, by=by, at=at)
    designing.choose_design(series.slug, red, by=by, at=at)
    issue(series, "Ada", at)
    from lms.certificates import numbers
    from lms.certificates.queries import certificates

    number = numbers.write(db.session.scalars(select(Certificate.number)).one())
    assert b"Arms of the ministry" in inside(certificates.get_pdf(number, by=by))


def test_a_change_makes_one_draft_and_nothing_changes_what_is_in_use(
    context: None, administrator: Actor, at: datetime
) -> None:
    by = administrator
    red, _version = in_use(by, at)
    before = dict(db.session.scalars(select(CertificateDesign)).one().spec)
    designing.set_words(red, "fr", FRENCH, by=by, at=at)
    designing.set_words(red, "fr", {**FRENCH, "office": "Directrice"}, by=by, at=at)
    designing.set_picture(red, "seal", svg(SQUARE), "Seal", by=by, at=at)
    rows = list(db.session.scalars(select(CertificateDesign).order_by(CertificateDesign.id)))
    assert [row.version for row in rows] == [2, None]
    assert rows[0].spec == before
    assert rows[1].spec["words"] == {**before["words"], "fr": {**FRENCH, "office": "Directrice"}}
    assert (rows[1].spec["pictures"]["seal"]["alt"], rows[1].spec["pictures"]["seal"]["shape"]) == ("Seal", 2.0)
    designing.drop_picture(red, "seal", by=by, at=at)
    designing.drop_words(red, "fr", by=by, at=at)
    others = {language: words for language, words in before["words"].items() if language != "fr"}
    assert drawings.get_design(red, by=by).spec == {**before, "words": others, "pictures": {}}


def test_saving_what_is_there_makes_no_draft(context: None, administrator: Actor, at: datetime) -> None:
    red, _version = in_use(administrator, at)
    designing.set_looks(red, LOOKS, by=administrator, at=at)
    assert not drawings.get_design(red, by=administrator).is_draft
    with pytest.raises(Refused, match="already in use"):
        designing.publish_design(red, by=administrator, at=at)


def test_a_draft_is_not_chosen(context: None, programme: Make, administrator: Actor, at: datetime) -> None:
    series = programme({"Ada": "aaa"})
    red = drafted(administrator, at)
    for choose in (
        lambda: designing.set_default(red, by=administrator, at=at),
        lambda: designing.choose_design(series.slug, red, by=administrator, at=at),
    ):
        with pytest.raises(Refused, match="is a draft"):
            choose()


def test_a_design_begins_like_another(context: None, administrator: Actor, at: datetime) -> None:
    red = drafted(administrator, at)
    blue = designing.create_design("Blue", like=red, by=administrator, at=at)
    assert drawings.get_design(blue, by=administrator).spec == drawings.get_design(red, by=administrator).spec
    with pytest.raises(Invalid, match="Another design already has this name"):
        designing.create_design(" blue ", by=administrator, at=at)


def test_a_sign_that_no_font_has_is_said_at_its_field(context: None, administrator: Actor, at: datetime) -> None:
    red = drafted(administrator, at)
    with pytest.raises(Invalid) as caught:
        designing.set_words(red, "en", {"office": "Director \U0001f600"}, by=administrator, at=at)
    (fault,) = caught.value.faults
    assert fault.field == "office"
    assert fault.reason.startswith("No installed font has \U0001f600 (U+1F600).")
    with pytest.raises(Invalid, match="U\\+1F600"):
        designing.set_looks(red, {**LOOKS, "signatory": "\U0001f600"}, by=administrator, at=at)


def test_a_draft_whose_signs_are_gone_is_not_put_into_use(
    context: None, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = drafted(administrator, at)
    monkeypatch.setattr(store, "installed_fonts", lambda: (frozenset({32}),))
    with pytest.raises(Refused, match="No installed font has"):
        designing.publish_design(red, by=administrator, at=at)


@pytest.mark.parametrize("by", [REPORTER, ANONYMOUS], ids=["reporter", "anonymous"])
def test_only_administrators_make_and_see_designs(context: None, administrator: Actor, at: datetime, by: Actor) -> None:
    red = drafted(administrator, at)
    given: dict[str, Any] = {"by": by, "at": at}
    for call in (
        lambda: designing.create_design("X", **given),
        lambda: designing.set_looks(red, LOOKS, **given),
        lambda: designing.set_words(red, "en", {}, **given),
        lambda: designing.drop_words(red, "fr", **given),
        lambda: designing.set_picture(red, "logo", raster("PNG"), "x", **given),
        lambda: designing.drop_picture(red, "logo", **given),
        lambda: designing.publish_design(red, **given),
        lambda: designing.set_default(red, **given),
        lambda: designing.choose_design("x", red, **given),
        lambda: drawings.list_designs(by=by),
        lambda: drawings.get_design(red, by=by),
        lambda: drawings.picture_of(red, Look(), by=by),
        lambda: drawings.scripts_of("x", by=by),
    ):
        with pytest.raises(Forbidden):
            call()


def test_a_picture_that_is_gone_is_no_certificate_without_it(context: None, administrator: Actor, at: datetime) -> None:
    red = drafted(administrator, at)
    designing.set_picture(red, "logo", raster("PNG"), "Arms", by=administrator, at=at)
    version = designing.publish_design(red, by=administrator, at=at)
    kept = drawings.get_design(red, by=administrator).spec["pictures"]["logo"]["file"]
    content = files.find(kept) or b""
    files.delete(kept)
    with pytest.raises(files.StorageAway):
        versions.design_of(version)
    files.store(kept, content)
    assert versions.design_of(version).pictures["logo"].alt == "Arms"


def test_samples_are_of_the_people_of_the_series(
    context: None, app: APIFlask, programme: Make, administrator: Actor
) -> None:
    series = programme(
        {("Ada", "Ада"): "aaa", ("Fatima Zahra Benali", "فاطمة"): "aa-", ("Bo", "Бо"): "a--", "Cy": "a--"}
    )
    by = administrator
    assert list(drawings.scripts_of(series.slug, by=by)) == ["Arab", "Cyrl"]

    def seen(sample: str) -> Any:
        return drawings.award_of(BUILT_IN, Look(series=series.slug, sample=sample), by=by)

    assert seen("longest").full_name == "Fatima Zahra Benali"
    assert seen("script-Arab").native_name == "فاطمة"
    assert seen("script-Cyrl").native_name in ("Ада", "Бо")
    assert seen("plain").native_name is None
    assert [len(seen(sample).full_name) for sample in ("90", "200")] == [90, 200]
    assert [len(seen(sample).stations) for sample in ("one", "longest", "12", "40")] == [1, 3, 12, 40]
    assert seen("longest").series == "Livestream commerce from a village"
    with pytest.raises(Invalid, match="sample does not exist"):
        seen("script-Thai")
    with pytest.raises(NotFound):
        drawings.award_of(BUILT_IN, Look(series="nowhere"), by=by)


def test_a_sample_that_cannot_be_printed_is_said_and_not_drawn(
    context: None, programme: Make, administrator: Actor
) -> None:
    series = programme({"Emo \U0001f600 Ji": "aaa"})
    look = Look(series=series.slug)
    fault = drawings.fault_of(drawings.award_of(BUILT_IN, look, by=administrator))
    assert (fault or "").startswith("No installed font has \U0001f600 (U+1F600).")
    with pytest.raises(Invalid, match="U\\+1F600"):
        drawings.picture_of(0, look, by=administrator)
    assert drawings.picture_of(0, Look(sample="strange"), by=administrator).startswith(b"\x89PNG")


def test_the_list_counts_certificates_of_all_versions_and_the_series_that_chose(
    context: None, programme: Make, administrator: Actor, at: datetime
) -> None:
    series, by = programme({"Ada": "aaa", "Bo": "aaa", "Cy": "aaa"}), administrator
    issue(series, "Cy", at)
    red, _version = in_use(by, at)
    in_use(by, at, "Blue")
    designing.choose_design(series.slug, red, by=by, at=at)
    issue(series, "Ada", at)
    designing.set_looks(red, {**LOOKS, "signatory": "Li Na"}, by=by, at=at)
    designing.publish_design(red, by=by, at=at)
    issue(series, "Bo", at)
    listed = [(one.name, one.versions, one.issued, one.series) for one in drawings.list_designs(by=by)]
    assert listed == [("Blue", (3,), 0, 0), ("Red", (2, 4), 2, 1)]
    assert drawings.count_built_in(by=by) == 1
