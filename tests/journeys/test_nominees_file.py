"""A file of nominees with bad rows: preview, the bad rows as a file, and the invitations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.conftest import Site, Visitor

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.long
def test_a_file_is_previewed_and_its_good_rows_are_nominated(
    site: Site, sign_in: Callable[[str], Visitor], tmp_path: Path
) -> None:
    site.make.person("Peter Mutua", "peter@example.org", roles=[("focal_point", "KE")])
    series = site.make.series("border", title="Digital customs", admission="nomination", capacity=10)
    site.make.lecture(series)
    site.make.quota(series, "KE", seats=2)
    lines = ["email,full_name,country"]
    lines += [f"nominee{number}@example.org,Nominee {number},Kenya" for number in range(1, 4)]
    lines += ["comma@example,org,Faith,Kenya", "juma@example.org,Juma Bakari,Tanzania", "nominee1@example.org,Twice,"]
    nominees = tmp_path / "nominees.csv"
    nominees.write_text("\n".join(lines), encoding="utf-8")

    visitor = sign_in("peter@example.org")
    page = visitor.page
    visitor.go("/country")
    visitor.press("Nominate from a file")
    visitor.is_accessible("file of nominees")
    page.set_input_files("[name=file]", str(nominees))
    visitor.press("Preview")
    assert visitor.heading() == "2 of 3 people can be nominated now"
    visitor.reads("More people than places: 3 for 2")
    visitor.reads("You can only nominate people from your own country.")
    visitor.is_accessible("preview of nominees")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").first.click()
    assert "juma@example.org" in Path(download.value.path()).read_text(encoding="utf-8-sig")

    visitor.press("Nominate 2 and save 1 as a draft")
    visitor.reads("2 nominated, 1 saved as a draft")
    visitor.is_accessible("nominees were nominated")
    site.work()
    assert "/invitation/" in site.last_mail("nominee1@example.org")
    with pytest.raises(AssertionError, match="no mail"):
        site.last_mail("nominee3@example.org")
    visitor.go("/country/nominations?state=drafted")
    visitor.reads("Nominee 3")
