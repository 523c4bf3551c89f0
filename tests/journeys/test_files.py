"""Files of a lecture: several are uploaded at once, each with its progress and its own answer."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from playwright.sync_api import FilePayload, Route

from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]


def test_an_instructor_uploads_files_and_a_trainee_opens_one(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    instructor = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("parcels", title="From parcel to trade", instructors=[instructor])
    trainee = site.make.person("Achieng Odhiambo", "achieng@example.org", password="correct horse battery")
    site.make.enrolment(series, trainee)
    lecture = site.make.lecture(series, title="Customs for small parcels", instructors=[instructor]).id
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(out)
    slides: FilePayload = {"name": "slides_day_1.pdf", "mimeType": "application/pdf", "buffer": out.getvalue()}
    program: FilePayload = {"name": "slides.pptx", "mimeType": "", "buffer": b"MZ" + bytes(500)}

    lin = sign_in("lin@example.org")
    lin.go(f"/lectures/{lecture}")
    lin.press("Files")
    lin.page.locator("#file").set_input_files([program, slides])
    lin.page.locator("#file").focus()
    for _key in range(2):  # past who can open it, to the button
        lin.page.keyboard.press("Tab")
    lin.page.keyboard.press("Enter")
    lin.page.get_by_test_id("file").wait_for()  # the list is renewed once both have been answered
    statuses = lin.page.get_by_test_id("upload-job").all_inner_texts()
    assert ("Windows program" in statuses[0], "Uploaded" in statuses[1]) == (True, True)
    lin.reads("slides day 1 PDF")
    lin.reads("1 file, 0 downloads")
    lin.is_accessible("files after uploading")

    achieng = sign_in("achieng@example.org")
    achieng.go(f"/lectures/{lecture}")
    with achieng.page.expect_download() as begun:
        achieng.page.get_by_role("link", name="slides day 1").click()
    assert begun.value.suggested_filename == "slides_day_1.pdf"
    assert begun.value.path().read_bytes() == out.getvalue()
    lin.go(f"/lectures/{lecture}/files")
    lin.reads("1 file, 1 download")


def test_an_upload_that_breaks_off_continues_after_a_reload(
    site: Site, sign_in: Callable[[str], Visitor], tmp_path: Path
) -> None:
    instructor = site.make.person("Omar Haddad", "omar@example.org", roles=["instructor"])
    series = site.make.series("photographs", title="Photographs", instructors=[instructor])
    lecture = site.make.lecture(series, title="Inspection of parcels", instructors=[instructor]).id
    large = tmp_path / "photographs.zip"
    with zipfile.ZipFile(large, "w") as made:
        made.writestr("photograph.raw", bytes(3 * 1024 * 1024))

    omar = sign_in("omar@example.org")
    offsets: list[str] = []
    is_broken = True

    def line(route: Route) -> None:
        sent = (route.request.post_data_buffer or b"").partition(b'name="offset"')[2].split()[0].decode()
        if is_broken and sent != "0":
            route.abort("connectionreset")
        else:
            offsets.append(sent)
            route.continue_()

    omar.page.route("**/uploads/*", line)
    omar.go(f"/lectures/{lecture}/files")
    omar.page.locator("#file").set_input_files(large)
    omar.press("Upload")
    omar.page.get_by_text("The connection was lost. The upload continues as soon as it is back.").wait_for()
    omar.go(f"/lectures/{lecture}/files")
    omar.reads("2.1 MB of 3.1 MB received")
    omar.is_accessible("an unfinished upload")
    is_broken = False
    omar.page.locator("#file").set_input_files(large)
    omar.press("Upload")
    omar.page.get_by_test_id("file").wait_for()
    assert offsets == ["0", str(2 * 1024 * 1024)]  # what was there before is not sent again
    assert omar.page.get_by_test_id("unfinished").count() == 0
