"""Tokenizers of every family: real ones, where they are, and small ones made like those of others."""

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, ByT5Tokenizer, LlamaTokenizer, PreTrainedTokenizerFast

from utils.bundled_model import smollm2
from utils.files import ROOT

DATA = ROOT / "data"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def texts():
    """The project's letters, with newlines after a colon as in every template: merges that matter."""
    lines = (DATA / "documents_test.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        yield f"### Response:\n{row['instruction']}\n\n### Response:\n\n {row['document']}  \n"


def trained(pattern, specials, *, normalizer=None):
    """A small byte-level BPE in the manner of a family of models, trained on the project's own letters."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def with_three_specials():
    # distinct BOS, EOS and PAD; BOS by the post-processor; a newline is never part of another token
    core = trained(r"\n| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|[^\S\n]+", ["<pad>", "<s>", "</s>"])
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def like_gpt2():
    # one token for everything, a BOS that is never added
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=trained(GPT2, [end]), bos_token=end, eos_token=end, unk_token=end)


def like_neox():
    # NFC, and runs of spaces as added tokens that are ordinary text
    core = trained(GPT2, ["<|endoftext|>", "<|padding|>"], normalizer=normalizers.NFC())
    core.add_tokens([AddedToken(" " * n, normalized=True) for n in (4, 3, 2)])
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>", pad_token="<|padding|>")


def like_llama3():
    # ":\n" is one token; many special tokens; BOS by the post-processor
    core = trained(LLAMA3, ["<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"])
    core.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")


def sentencepiece_like(**options):
    # Mistral's and Phi-3's kind: the merges work on the whole text, unknown characters become bytes
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;#!?'/<>|-"
    vocabulary += [*letters, "▁y", "es", "▁yes", "##", "###", "▁R", "Re", "sp", "on", ":▁", "▁▁", "s>", "</", "e:"]
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    merges = [(p[:i], p[i:]) for p in vocabulary[3:] for i in range(1, len(p)) if p[:i] in ids and p[i:] in ids]
    return LlamaTokenizer(vocab=ids, merges=merges, **options)


def like_mistral():
    # a space before everything, and BOS
    return sentencepiece_like(add_bos_token=True)


def like_phi3():
    # </s> is there, takes the white space after it, and is not declared special
    state = json.loads(sentencepiece_like(eos_token="<|endoftext|>").backend_tokenizer.to_str())
    loose = {"id": 2, "content": "</s>", "special": False, "rstrip": True}
    loose |= {"lstrip": False, "normalized": False, "single_word": False}
    others = [token for token in state["added_tokens"] if token["content"] != "</s>"]
    state["added_tokens"] = sorted([*others, loose], key=lambda token: token["id"])
    core = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>", unk_token="<unk>")


def like_gemma():
    # BPE over the whole text with nothing to split it, no space put before it, BOS by the post-processor
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    core.normalizer = normalizers.Replace(" ", "▁")
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    specials, bytes_ = ["<unk>", "<s>", "</s>"], [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=[*specials, *bytes_], show_progress=False)
    core.train_from_iterator((line for text in texts() for line in text.split("\n")), trainer)
    state = json.loads(core.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in specials]
    core = Tokenizer.from_str(json.dumps(state))
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def like_t5():
    # Unigram with </s> among its ordinary pieces, white space folded, EOS by the post-processor, no BOS
    core = Tokenizer(models.Unigram())
    folded = [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    core.normalizer = normalizers.Sequence([*folded, normalizers.Strip(left=False, right=True)])
    core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    specials = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=specials, unk_token="<unk>", show_progress=False)
    core.train_from_iterator(texts(), trainer)
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def like_bert():
    # WordPiece: lower case, no white space at all, two special tokens around the text
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer, core.decoder = normalizers.BertNormalizer(lowercase=True), decoders.WordPiece()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=800, special_tokens=specials, show_progress=False)
    core.train_from_iterator(texts(), trainer)
    around = [("[CLS]", 2), ("[SEP]", 3)]
    core.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="[CLS]", eos_token="[SEP]", unk_token="[UNK]")


def like_none_other():
    # added tokens of every kind: undeclared, normalised, whole words only, with the white space around them, bare words
    core = trained(GPT2, ["<|endoftext|>"], normalizer=normalizers.Lowercase())
    tokens = [AddedToken("<tool>", normalized=True), AddedToken("[cmd]", single_word=True, normalized=False)]
    tokens += [AddedToken("<Wide>", lstrip=True, rstrip=True, normalized=False), AddedToken("ENDED", normalized=False)]
    core.add_tokens(tokens)
    core.add_special_tokens(
        [AddedToken("<|Mixed|>", normalized=True), AddedToken("STOP", lstrip=True, single_word=True)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="ENDED", bos_token="<|endoftext|>")


BUILT = [with_three_specials, like_gpt2, like_neox, like_llama3, like_mistral, like_phi3, like_gemma, like_t5]
BUILT += [like_bert, like_none_other, ByT5Tokenizer]


def llama2(folder):
    """The tokenizer of Llama 2 from its `tokenizer.model`, read without the sentencepiece package."""
    from transformers.tokenization_utils_base import generate_merges

    def number(at):
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value, at

    data, at, pieces = (folder / "tokenizer.model").read_bytes(), 0, []
    while at < len(data):  # a protobuf: key, length, content; the pieces have field number 1, as their texts have
        key, at = number(at)
        size, at = number(at)
        if key >> 3 == 1:
            length, start = number(at + 1)
            pieces.append(data[start : start + length].decode())
        at += size
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    return LlamaTokenizer(vocab=vocabulary, merges=generate_merges(vocabulary), add_bos_token=True)


@pytest.fixture(params=["smollm2", "llama2", "qwen2", *BUILT], ids=lambda p: getattr(p, "__name__", p), scope="module")
def tokenizer(request):
    if callable(request.param):
        return request.param()
    if request.param == "smollm2":
        if not smollm2.is_ready():
            pytest.skip(f"the bundled model is not prepared: {smollm2.MAKE}")
        return AutoTokenizer.from_pretrained(smollm2.find())
    folder = Path(request.getfixturevalue("refdata")) / "tokenizers" / request.param
    return llama2(folder) if request.param == "llama2" else AutoTokenizer.from_pretrained(folder)


def whole_text_ids(texts, tokenizer):
    """The reference: each whole text through the tokenizer's own call; an EOS that it adds itself is taken off."""
    rows = tokenizer(texts, split_special_tokens=True)["input_ids"]
    ends = tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id
    return [row[:-1] if ends else row for row in rows]
