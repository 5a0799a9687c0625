"""utils/evaluation/metrics.py against cases worked by hand and the libraries that define the metrics."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from utils.evaluation import bootstrap, label_confusion
from utils.evaluation.metrics import form_scores, label_scores, span_scores, text_scores
from utils.records import NO_PHRASES, format_phrases

LABELS = ["Complaint", "Non-Complaint"]


def values(scores):
    return {name: pytest.approx(score.value) for name, score in scores.items()}


# --- classification ---


def test_label_scores_by_hand():
    true = ["Complaint", "Complaint", "Complaint", "Non-Complaint"]
    answers = ["Complaint", " Complaint\n", "maybe", "Complaint"]
    # Complaint: 2 right, 1 wrong, 1 missed, F1 2/3. Non-Complaint: 0 right, F1 0.
    expected = {"label_accuracy": 0.5, "label_macro_f1": 1 / 3, "label_not_allowed": 0.25}
    assert expected == values(label_scores(answers, labels=true, allowed=LABELS))
    table = label_confusion(answers, labels=true, allowed=LABELS)
    assert table.to_numpy().tolist() == [[2, 0, 1], [1, 0, 0]]
    assert (table.index.name, table.columns.name) == ("true", "answer")


def test_a_label_is_right_only_as_it_is_spelled():
    answers = ["complaint", "Complaint.", "Complaint Complaint"]
    assert label_scores(answers, labels=["Complaint"] * 3, allowed=LABELS)["label_not_allowed"].value == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcx")), min_size=1, max_size=30))
def test_label_scores_equal_scikit_learn(rows):
    true, answers = map(list, zip(*rows, strict=True))
    scores = label_scores(answers, labels=true, allowed=list("abc"))
    assert scores["label_accuracy"].value == pytest.approx(accuracy_score(true, answers))
    seen = sorted({*true, *answers} & set("abc"))  # a label that no row is about does not count
    macro = f1_score(true, answers, labels=seen, average="macro", zero_division=0)
    assert scores["label_macro_f1"].value == pytest.approx(macro)
    table = label_confusion(answers, labels=true, allowed=list("abc")).to_numpy()
    assert (table[:, :3] == confusion_matrix(true, answers, labels=list("abcx"))[:3, :3]).all()
    assert table.sum() == len(rows)


def test_a_true_label_that_is_not_allowed_is_an_error():
    with pytest.raises(ValueError, match="Neutral"):
        label_scores(["Complaint"], labels=["Neutral"], allowed=LABELS)

    with pytest.raises(ValueError, match="Neutral"):
        label_confusion(["Complaint"], labels=["Neutral"], allowed=LABELS)


def test_a_label_that_no_row_is_about_does_not_count_in_a_resample_either():
    true = ["a"] * 20 + ["b"]  # every third resample has no b, and none has a c
    score = label_scores(true, labels=true, allowed=["a", "b", "c"])["label_macro_f1"]
    assert score.value == 1 and bootstrap(score).low > 0.8
    score = label_scores(["a", "c", "b"], labels=["a", "a", "b"], allowed=["a", "b", "c", "d"])["label_macro_f1"]
    assert score.value == pytest.approx((2 / 3 + 1 + 0) / 3)  # c is given, so it counts; d is not


def test_labels_are_compared_without_white_space_and_each_once():
    scores = label_scores(["a", "b"], labels=["a ", "\nb"], allowed=["a ", "b", "b"])
    assert values(scores) == {"label_accuracy": 1, "label_macro_f1": 1, "label_not_allowed": 0}
    table = label_confusion(["a", "b"], labels=["a ", "\nb"], allowed=["a ", "b", "b"])
    assert table.to_numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert label_scores(["a\0"], labels=["a"], allowed=["a", "b"])["label_accuracy"].value == 0


# --- extraction ---


def test_span_scores_by_hand():
    texts = ["Anna met Bo at the school in Rome.", "It rained."]
    wanted = [["Anna", "Bo", "school"], []]
    answers = ["school; Anna; Paris; Anna", "rain"]
    # Right: school, Anna. Wrong: Paris, the second Anna, rain. Missed: Bo. Not in the text as words: Paris, rain.
    expected = {"span_precision": 2 / 5, "span_recall": 2 / 3, "span_f1": 4 / (4 + 3 + 1), "span_not_in_text": 2 / 5}
    assert expected == values(span_scores(answers, phrases=wanted, texts=texts))


phrase_sets = st.sets(st.sampled_from("abcd"))


@settings(deadline=None)
@given(st.lists(st.tuples(phrase_sets, phrase_sets), min_size=1, max_size=10))
def test_span_scores_equal_scikit_learn(rows):
    wanted, found = ([sorted(row) for row in column] for column in zip(*rows, strict=True))
    binarizer = MultiLabelBinarizer(classes=list("abcd")).fit([])
    true, given = binarizer.transform(wanted), binarizer.transform(found)
    library = precision_recall_fscore_support(true, given, average="micro", zero_division=0)[:3]
    scores = span_scores([format_phrases(row) for row in found], phrases=wanted, texts=["a b c d"] * len(rows))
    assert [scores[f"span_{name}"].value for name in ("precision", "recall", "f1")] == pytest.approx(library)
    assert scores["span_not_in_text"].value == 0


def test_order_is_ignored_and_nothing_to_find_is_right_when_nothing_is_found():
    wanted = [["Anna", "Rome"], []]
    scores = span_scores([format_phrases(["Rome", "Anna"]), NO_PHRASES], phrases=wanted, texts=["Anna, Rome", "Rain"])
    assert scores["span_f1"].value == 1
    scores = span_scores(["Rome", "Rain"], phrases=wanted, texts=["Anna, Rome", "Rain"])
    assert scores["span_f1"].value == 0.5


def test_span_f1_is_the_harmonic_mean_and_zero_without_answers():
    scores = span_scores(["a; b; c", "d"], phrases=[["a"], ["d", "e"]], texts=["a b c", "d e"])
    precision, recall = scores["span_precision"].value, scores["span_recall"].value
    assert scores["span_f1"].value == pytest.approx(2 * precision * recall / (precision + recall))
    nothing = span_scores([NO_PHRASES], phrases=[["a"]], texts=["a"])
    assert {score.value for score in nothing.values()} == {0.0}


@given(st.lists(st.text(min_size=1, max_size=6).filter(lambda phrase: phrase.strip() not in ("", NO_PHRASES))))
def test_the_right_answer_has_full_marks_whatever_the_phrases_hold(wanted):
    scores = span_scores([format_phrases(wanted)], phrases=[wanted], texts=["«" + "» «".join(wanted) + "»"])
    assert {scores[name].value for name in ("span_precision", "span_recall", "span_f1")} == {float(bool(wanted))}
    assert scores["span_not_in_text"].value == 0


def test_white_space_around_a_phrase_does_not_matter():
    assert span_scores(["Ann;  Bo\n"], phrases=[["Bo ", "Ann"]], texts=["Ann, Bo"])["span_f1"].value == 1


def test_in_the_text_means_as_words_or_as_the_data_has_it():
    texts = ["Anna paid US$5 in the 1990s: 'so!'", "東京に行く", "서울에 있다", "我的iPhone很好"]
    wanted = [["$5", "1990"], ["東京"], ["서울"], ["iPhone"]]
    right = span_scores([format_phrases(row) for row in wanted], phrases=wanted, texts=texts)
    assert right["span_not_in_text"].value == 0
    made_up = span_scores(["Ann; paid; 990", "京都", "부산", "Phone"], phrases=wanted, texts=texts)
    assert made_up["span_not_in_text"].value == pytest.approx(5 / 6)


# --- text ---


def test_text_scores_by_hand():
    references = ["Write an e-mail to Anna about Monday.", "List three fruits."]
    answers = [" Write an e-mail to Anna about Monday. ", "List fruits in May"]
    scores = text_scores(answers, references=references, slots=[["Anna", "monday"], ["three", "May"]])
    # Second row: the longest common subsequence is "list fruits", 2 of 4 words given and 2 of 3 wanted.
    assert values(scores) == {"exact": 0.5, "rouge_l": (1 + 4 / 7) / 2, "slot_recall": 0.75}


def test_a_slot_is_a_whole_word():
    answers = ["Write to Annabel.", "Write to Joann.", "Write to (Ann)."]
    scores = text_scores(answers, references=["Write to Ann."] * 3, slots=[["Ann"]] * 3)
    assert scores["slot_recall"].value == pytest.approx(1 / 3)
    assert "slot_recall" not in text_scores(["a"], references=["a"])


@given(st.text(st.characters(codec="ascii"), max_size=60), st.text(st.characters(codec="ascii"), max_size=60))
def test_rouge_l_equals_the_library_on_ascii(answer, reference):
    ours = text_scores([answer], references=[reference.replace("_", " ")])["rouge_l"].value
    theirs = RougeScorer(["rougeL"]).score(reference.replace("_", " "), answer)["rougeL"].fmeasure
    assert ours == pytest.approx(theirs) or "_" in answer


def test_rouge_l_reads_other_scripts():
    assert text_scores(["Привет, мир"], references=["привет мир"])["rouge_l"].value == 1


def test_rouge_l_keeps_vowel_signs_and_reads_scripts_without_spaces():
    assert text_scores(["कि"], references=["का"])["rouge_l"].value == 0
    # Four of five characters are alike, in their order.
    assert text_scores(["我喜欢你们"], references=["我喜欢他们"])["rouge_l"].value == pytest.approx(0.8)
    assert text_scores(["写信给東京"], references=["x"], slots=[["東京"]])["slot_recall"].value == 1


def test_one_letter_composed_in_two_ways_is_one_letter():
    one, two = "Café", unicodedata.normalize("NFD", "Café")
    scores = text_scores([one], references=[two], slots=[[two]])
    scores |= label_scores([one], labels=[two], allowed=[two, "b"]) | span_scores([one], phrases=[[two]], texts=[two])
    wrong = {"label_not_allowed", "span_not_in_text"}
    assert values(scores) == {name: float(name not in wrong) for name in scores}


# --- form ---


@pytest.mark.parametrize(
    ("answer", "echoes"),
    [
        ("Complaint", False),
        ("Complaint\n\n### Instruction:\nWhat next?", True),
        ("Below is an instruction that describes a task. Complaint", True),
        ("The hotel has ### in its name", False),
        ("Is this text a complaint? Yes", True),  # five words
        ("Dirty room, rude staff", False),  # four: too few to tell a copy from an answer
        ("Complaint\n\nUser: What next?", True),
        ("Complaint\n[INST] What next?", True),
        ("The User: field is empty", False),
    ],
)
def test_an_echo_opens_a_section_or_repeats_a_line_of_the_prompt(answer, echoes):
    prompt = (
        "Below is an instruction that describes a task.\n\n### Instruction:\nIs this text a complaint?\n\n"
        "### Input:\nDirty room, rude staff\n\n### Response:\n"
    )
    scores = form_scores([answer], prompts=[prompt], stopped=[True])
    assert {"stop_rate": 1.0, "echo_rate": float(echoes)} == values(scores)


@pytest.mark.parametrize(("stopped", "echoes"), [(False, 1), (True, 0)])
def test_a_copy_that_was_cut_off_is_an_echo_and_a_whole_answer_from_the_text_is_none(stopped, echoes):
    prompt = "Who came?\n\nThe old king of Norway and his two sons came to see us, it is said."
    scores = form_scores(["The old king of Norway and his two so"], prompts=[prompt], stopped=[stopped])
    assert scores["echo_rate"].value == echoes


# --- errors ---


@pytest.mark.parametrize(
    "call",
    [
        lambda: label_scores(["a"], labels=["a", "b"], allowed=["a", "b"]),
        lambda: span_scores(["a"], phrases=[["a"]], texts=[]),
        lambda: text_scores(["a"], references=["a"], slots=[]),
        lambda: form_scores(["a"], prompts=["a"], stopped=[]),
    ],
)
def test_lists_of_different_lengths_are_an_error(call):
    with pytest.raises(ValueError, match="1 answers but"):
        call()


def test_no_answers_are_an_error():
    with pytest.raises(ValueError, match="no answers"):
        text_scores([], references=[])
