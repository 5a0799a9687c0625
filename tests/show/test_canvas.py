"""What the plots share: a method has one colour, and every sheet is white."""

import matplotlib

from utils.evaluation import MAIN, comparison
from utils.prompts import ALPACA
from utils.records import Record
from utils.show import looks
from utils.show.canvas import COLOURS, FURTHER, empty_axes

matplotlib.use("Agg")


def test_a_method_has_one_colour_in_every_plot_of_the_series():
    shades = {COLOURS[key] for key in ("base", "tuned", "TF-IDF", "constant")}
    assert len(shades | set(FURTHER)) == len(shades) + len(FURTHER)
    fits = [comparison.baseline_answers([Record("?", "ab", o, t) for o in "xy"], [], ALPACA) for t in MAIN]
    for names in (["base", "tuned"], [comparison.BASE, comparison.TUNED], *map(list, fits)):
        assert {look["color"] for look in looks(names).values()} <= shades
    assert looks(["fine-tuned"])["fine-tuned"] == looks(["x", "tuned"])["tuned"]
    one, other = looks([comparison.BASE, comparison.BASE_OWN_FORM]).values()
    assert one["color"] == other["color"] == COLOURS["base"] and one["hatch"] != other["hatch"]
    assert [look["color"] for look in looks(["mine", "yours"]).values()] == list(FURTHER[:2])


def test_light_grey_is_seen_on_white_and_is_not_the_grey_of_the_base():
    light, base = (_lightness(COLOURS[method]) for method in ("constant", "base"))
    assert base + 0.15 < light < 0.9


def test_a_sheet_is_white_where_a_front_end_would_make_it_transparent():
    with matplotlib.rc_context({"figure.facecolor": "none"}):
        figure, _ = empty_axes("x", "y", "title")
    assert figure.get_facecolor() == (1, 1, 1, 1)


def _lightness(colour):
    return sum(int(colour[at : at + 2], 16) for at in (1, 3, 5)) / (3 * 255)
