"""What tells the records of a dataset apart, and what they share: their own texts, near-duplicates, labels."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from utils.records.conversion import Record
from utils.records.questions import QUESTION_INSTRUCTION
from utils.records.turns import turns_of

SHARED = 20  # an instruction that this many records share describes their task, not one of them
FEW_WORDS = 3  # a text of so many words ("No input", "yes") is shared by chance
_WORDING = 4  # words that instructions begin or end with alike, at least, to be the wording of a task
_SHARE = 20  # one in so many instructions has that wording, at least


def own_texts(records: Sequence[Record], about: Sequence[int] | None = None) -> list[str]:
    """For each record the text that tells it from the others of its task.

    That is a conversation without its last answer and without a system message that many share, the input where the
    instruction is that of a whole task, the output of a document, the instruction where
    the input is a context that several are asked about (see `contexts`), and instruction and input together
    else; from instructions the wording is taken that many of them share. With a shared instruction left in, all
    short reviews would look alike, with its wording ("Answer the question with words from the text: …") all
    short questions.

    Args:
        about: `contexts(records)`, where it is known already.
    """
    about = contexts(records) if about is None else about
    of_tasks = task_instructions(records)

    def has_own_input(record: Record, context: int) -> bool:
        return bool(record.input.strip()) and not context and record.instruction in of_tasks

    pairs = list(zip(records, about, strict=True))
    is_asked = [record.task != "document" and not has_own_input(record, context) for record, context in pairs]
    asked = _without_wording([record.instruction for record, is_own in zip(records, is_asked, strict=True) if is_own])

    def own(record: Record, context: int) -> str:
        if record.history:
            told = [turn.content for turn in record.history if turn.role != "system" or turn.content not in of_tasks]
            return "\n".join([*told, record.instruction])
        if record.task == "document" or not (record.input.strip() or record.instruction.strip()):
            return record.output
        if has_own_input(record, context):
            return record.input
        instruction = asked[record.instruction]
        return instruction if context else f"{instruction}\n{record.input}"

    return [own(record, context) for record, context in pairs]


def contexts(records: Sequence[Record]) -> list[int]:
    """For each record the number of the context that it is about; 0 where its input is its own text.

    The input of a question is a context, and an input of more than `FEW_WORDS` words under several instructions.
    Contexts that are near-duplicates have the same number.
    """
    from utils.records.similarity import clusters, near_duplicates, words  # needs numpy, which nothing else here does

    asked: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.task == "question":
            asked[record.input] |= {record.instruction, ""}  # one question is enough
        elif record.input and record.task not in ("classification", "extraction", "document"):
            asked[record.input].add(record.instruction)
    shared = [text for text, instructions in asked.items() if len(instructions) > 1 and len(words(text)) > FEW_WORDS]
    if not shared:
        return [0] * len(records)
    leaders = clusters(len(shared), [(i, j) for i, j, _ in near_duplicates(shared)])
    number = {text: leader + 1 for text, leader in zip(shared, leaders, strict=True)}
    judged = ("classification", "extraction", "document")
    return [0 if record.task in judged else number.get(record.input, 0) for record in records]


def similar_records(records: Sequence[Record], about: Sequence[int] | None = None) -> list[tuple[int, int, float]]:
    """Pairs `(i, j, similarity)` of records with nearly the same own text, about the same context if there is one, and
    of conversations of which one goes on where the other ends.

    Args:
        about: `contexts(records)`, where it is known already.

    >>> about = "In 1903 the sisters opened their first workshop in Graz."
    >>> asked = [Record(text, about, "1903", "question") for text in ("When did it open?", "When did it OPEN?")]
    >>> similar_records([*asked, Record("When did it open?", "The tunnel under the bay opened in May.", "May")])
    [(0, 1, 1.0)]
    """
    from utils.records.similarity import near_duplicates

    about = contexts(records) if about is None else about
    pairs = near_duplicates(own_texts(records, about), within=about)
    known = {(i, j) for i, j, _ in pairs}
    return sorted(pairs + [(i, j, 1.0) for i, j in continued(records) if (i, j) not in known])


def continued(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Pairs `(i, j)`, i < j, of conversations: the whole of one is how the other begins, as in a file that holds a chat
    after each of its answers. Of greetings, `FEW_WORDS` or less, that is chance."""
    from utils.records.similarity import words

    if not any(record.history for record in records):
        return []

    def told(record: Record) -> tuple[str, ...]:
        return tuple(turn.content.strip() for turn in turns_of(record))

    whole: dict[tuple[str, ...], int] = {}
    for row, record in enumerate(records):
        if record.task not in ("classification", "extraction", "question", "document"):
            whole.setdefault(told(record), row)
    pairs = set()
    for row, record in enumerate(records):
        turns = told(record) if record.history else ()
        for end in range(2, len(turns)):
            other = whole.get(turns[:end])
            if other is not None and other != row and len(words(" ".join(turns[: end - 1]))) > FEW_WORDS:
                pairs.add((min(other, row), max(other, row)))
    return sorted(pairs)


def label_sets(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """For each instruction of a classification task its labels and how often each occurs.

    Records that came from `from_labels` say so. For others an instruction counts as a classification task if
    it is shared by `SHARED` records, its outputs are short, and at most one row in ten has an output of its own.
    """
    tasks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    declared: dict[str, set[str]] = defaultdict(set)
    for record in records:
        tasks[record.instruction][record.output] += 1
        declared[record.instruction].add(record.task)

    def is_labels(outputs: Counter[str]) -> bool:
        if outputs.total() < SHARED or len(outputs) == 1:
            return False
        single = sum(1 for count in outputs.values() if count == 1)
        return single <= outputs.total() / 10 and all(0 < len(output) <= 60 for output in outputs)

    return {
        instruction: outputs
        for instruction, outputs in tasks.items()
        if declared[instruction] == {"classification"}
        or (declared[instruction] <= {"", "instruction"} and is_labels(outputs))
    }


def task_instructions(records: Sequence[Record]) -> set[str]:
    """The instructions that describe a task: those of labels or phrases, and what `SHARED` records have in common, the
    system messages of conversations included."""
    counts = Counter(record.instruction for record in records)
    counts.update(turn.content for record in records for turn in record.history[:1] if turn.role == "system")
    declared = {record.instruction for record in records if record.task in ("classification", "extraction")}
    return declared | {instruction for instruction, count in counts.items() if count >= SHARED}


def _without_wording(instructions: Sequence[str]) -> dict[str, str]:
    """Each instruction without the words that many of them begin or end with; as it is where nothing else is left."""
    before, _, after = QUESTION_INSTRUCTION.partition("{question}")
    bare = {text: text.removeprefix(before).removesuffix(after) if text.startswith(before) else text
            for text in instructions}  # fmt: skip
    split = {text: text.split() for text in set(bare.values())}
    ends = _shared_start({text: words[::-1] for text, words in split.items()})
    starts = _shared_start(split)
    cut = {text: " ".join(words[starts[text] : len(words) - ends[text]]) for text, words in split.items()}
    return {text: (cut[rest] if starts[rest] + ends[rest] else "") or rest for text, rest in bare.items()}


def _shared_start(texts: dict[str, list[str]]) -> dict[str, int]:
    """For each text how many words it begins with that `SHARED` texts, and one in `_SHARE` of all, begin with."""
    fewest = max(SHARED, len(texts) / _SHARE)
    found = dict.fromkeys(texts, 0)
    groups, depth = [list(texts)], 0
    while groups:
        for group in groups if depth >= _WORDING else []:
            found |= dict.fromkeys(group, depth)
        following: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
        for number, group in enumerate(groups):
            for text in group:
                if len(texts[text]) > depth:
                    following[number, texts[text][depth]].append(text)
        groups, depth = [group for group in following.values() if len(group) >= fewest], depth + 1
    return found
