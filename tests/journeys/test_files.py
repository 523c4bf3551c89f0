"""Files of a lecture: several are uploaded at once, each with its progress and its own answer."""

from __future__ import annotations

import io
from collections.abc import Callable

import pikepdf
import pytest
from playwright.sync_api import FilePayload

from tests.journeys.conftest import Site, Visitor

pytestmark = pytest.mark.xdist_group("browser")


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
    said = lin.page.get_by_test_id("upload-job").all_inner_texts()
    assert ("Windows program" in said[0], "Uploaded" in said[1]) == (True, True)
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
