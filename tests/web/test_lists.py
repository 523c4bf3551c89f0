"""What an address asks of a long list, and the addresses that the list makes."""

from __future__ import annotations

from apiflask import APIFlask

from lms.core.base.lists import SIZE, ListRequest
from lms.web.lists.parts import Column, Selection, read_selection
from lms.web.lists.view import ListView
from tests.rows import each_row


class Rows(ListView[str]):
    """A list whose rows are as many as the test says."""

    endpoint, template, title, anchor = "catalogue.series_list", "list.html", "Rows", "who"
    filters = {"status": frozenset({"enrolled", "applied"}), "country": None}
    columns = (
        Column("name", "Name", first="A to Z", last="Z to A"),
        Column("minutes", "Minutes", first="most first", last="fewest first", descending=True, numeric=True),
    )

    def __init__(self, total: int) -> None:
        super().__init__()
        self.every = total

    def query(self, request: ListRequest) -> tuple[list[str], int]:
        return [], self.every


def page_of(app: APIFlask, total: int, **args: str) -> Rows:
    with app.test_request_context("/", query_string=args):
        return Rows(total).load()


def request_of(app: APIFlask, **args: str) -> tuple[ListRequest, tuple[str, ...]]:
    with app.test_request_context("/", query_string=args):
        view = Rows(0)
        return view.request, view.ignored


def test_everything_of_a_list_is_read_from_its_address(app: APIFlask) -> None:
    request, ignored = request_of(app, q=" Ada ", status="applied", country="KE", sort="-name", page="3", size="100")
    assert request == ListRequest("Ada", {"status": "applied", "country": "KE"}, "name", True, 3, 100)
    assert (ignored, request.offset) == ((), 200)
    assert request_of(app) == (ListRequest(sort="name"), ())


@each_row(
    "args, ignored",
    [
        ({"status": "nonsense"}, ("status",)),
        ({"sort": "salary"}, ("sort",)),
        ({"size": "7"}, ("size",)),
        ({"size": "many", "page": "٣x"}, ("size", "page")),
        ({"page": "99999999999999999999"}, ("page",)),
    ],
)
def test_what_a_list_does_not_know_is_left_out_and_named(
    app: APIFlask, args: dict[str, str], ignored: tuple[str, ...]
) -> None:
    assert request_of(app, **args) == (ListRequest(sort="name"), ignored)
    with app.test_request_context("/"):
        assert all(name in page_of(app, 10, **args).ignored_in_words for name in ignored)


@each_row("page", ["0", "-3", ""])
def test_a_page_before_the_first_is_the_first(app: APIFlask, page: str) -> None:
    assert request_of(app, page=page)[0].page == 1


def test_a_text_of_ten_kilobytes_is_cut_off(app: APIFlask) -> None:
    assert len(request_of(app, q="x" * 10_000)[0].q) == 200


def test_addresses_keep_the_rest_of_what_is_asked(app: APIFlask) -> None:
    with app.test_request_context("/"):
        page = page_of(app, 209, status="applied", q="ada", sort="minutes", page="3", size="100")
        assert (page.request.page, page.pages, page.first, page.last, page.elsewhere) == (3, 3, 201, 209, 200)
        assert page.here() == "/series?q=ada&status=applied&sort=minutes&size=100&page=3#who"
        assert page.on(1) == "/series?q=ada&status=applied&sort=minutes&size=100#who"
        assert page.filtered_by("status", "") == "/series?q=ada&sort=minutes&size=100#who"
        assert page.filtered_by("country", "KE") == "/series?q=ada&status=applied&country=KE&sort=minutes&size=100#who"
        assert page.everything == "/series?sort=minutes&size=100#who"
        assert page.address("catalogue.series_list") == "/series?q=ada&status=applied&sort=minutes&size=100"


def test_a_heading_sorts_and_pressed_again_the_other_way_round(app: APIFlask) -> None:
    name, minutes = Rows.columns
    with app.test_request_context("/"):
        page = page_of(app, 9)
        assert (page.sorted_by(name), page.sorted_by(minutes)) == (
            "/series?sort=-name#who",
            "/series?sort=-minutes#who",
        )
        assert (page.aria_sort(name), page.aria_sort(minutes)) == ("ascending", None)
        page = page_of(app, 9, sort="-minutes")
        assert (page.sorted_by(minutes), page.aria_sort(minutes)) == ("/series?sort=minutes#who", "descending")
        assert page.order_in_words == "sorted by “Minutes”, most first"
        assert (page.order_if_pressed(minutes), page.order_if_pressed(name)) == ("fewest first", "A to Z")
        assert page_of(app, 9, sort="minutes").order_in_words == "sorted by “Minutes”, fewest first"


def test_a_page_behind_the_last_is_the_last(app: APIFlask) -> None:
    assert page_of(app, 70, page="900").request.page == -(-70 // SIZE)
    empty = page_of(app, 0, page="900")
    assert (empty.request.page, empty.first, empty.last, empty.elsewhere) == (1, 0, 0, 0)


@each_row(
    "form, selection",
    [
        ({"people": ["a", "b", "a"], "shown": ["a", "b", "c"]}, Selection(False, ["a", "b"])),
        ({"page": "1", "people": ["a"], "shown": ["a", "b", "c"]}, Selection(False, ["a", "b", "c"])),
        ({"all": "1", "page": "1", "people": ["a"], "shown": ["a"]}, Selection(True, [])),
        ({}, Selection(False, [])),
    ],
)
def test_ticks_mean_people_the_page_or_everybody(app: APIFlask, form: dict[str, object], selection: Selection) -> None:
    with app.test_request_context("/", method="POST", data=form):
        assert read_selection() == selection
