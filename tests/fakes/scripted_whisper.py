"""A multilingual Whisper written at test time, whose decoder looks at nothing but the position.

Whatever it hears, it detects German and writes three words. faster-whisper and CTranslate2 treat it
as they treat a real model: language tokens, timestamps, word alignment, the files of a model
folder. What it shows is how models are found, loaded and driven, never how well they hear.
"""

import json
import shutil
from pathlib import Path

import numpy as np

WIDTH, LAYERS, HEADS, MELS = 64, 1, 1, 80
TEXT_TOKENS = 50_257
WORDS = ("alpha", "beta", "gamma")
ANSWER = ("<|0.00|>", *(f"\u0120{word}" for word in WORDS), "<|1.00|>", "<|endoftext|>")
FIRST_ANSWER_POSITION = 2  # after <|startoftranscript|> and the language, at <|transcribe|>
REVISION = "0123456789abcdef0123456789abcdef01234567"


def write_scripted_whisper(folder):
    """Write the files of a model with 51,865 tokens, which makes it multilingual."""
    from ctranslate2.specs import whisper_spec

    vocabulary = _vocabulary()
    rng = np.random.default_rng(1)

    def normal(*shape):
        return rng.normal(0.0, 0.05, shape).astype(np.float32)

    def linear(spec, outputs, inputs):
        spec.weight, spec.bias = normal(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(spec):
        spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def feed_forward(spec):
        norm(spec.layer_norm)
        linear(spec.linear_0, 4 * WIDTH, WIDTH)
        linear(spec.linear_1, WIDTH, 4 * WIDTH)

    def self_attention(spec):
        norm(spec.layer_norm)
        linear(spec.linear[0], 3 * WIDTH, WIDTH)
        linear(spec.linear[1], WIDTH, WIDTH)

    spec = whisper_spec.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = normal(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = normal(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = normal(1500, WIDTH)
    norm(encoder.layer_norm)
    for layer in encoder.layer:
        self_attention(layer.self_attention)
        feed_forward(layer.ffn)
    decoder.embeddings.weight = 0.01 * normal(len(vocabulary), WIDTH)
    projection = np.zeros((len(vocabulary), WIDTH), np.float32)
    projection[vocabulary.index("<|de|>"), 0] = 4.0
    for position, token in enumerate(ANSWER, FIRST_ANSWER_POSITION):
        projection[vocabulary.index(token), position] = 4.0
    decoder.projection.weight = projection
    positions = np.zeros((448, WIDTH), np.float32)
    positions[np.arange(448), np.minimum(np.arange(448), WIDTH - 1)] = 10.0
    decoder.position_encodings.encodings = positions
    norm(decoder.layer_norm)
    for layer in decoder.layer:
        self_attention(layer.self_attention)
        norm(layer.attention.layer_norm)
        linear(layer.attention.linear[0], WIDTH, WIDTH)
        linear(layer.attention.linear[1], 2 * WIDTH, WIDTH)
        linear(layer.attention.linear[2], WIDTH, WIDTH)
        feed_forward(layer.ffn)
    spec.register_vocabulary(vocabulary)
    first_language = TEXT_TOKENS + 2
    spec.config.lang_ids = list(range(first_language, vocabulary.index("<|translate|>")))
    spec.config.suppress_ids = list(range(TEXT_TOKENS + 1, vocabulary.index("<|notimestamps|>")))
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [[0, 0]]
    spec.validate()
    spec.optimize(quantization="float16")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _write_tokenizer(folder / "tokenizer.json", vocabulary)
    return folder


def put_into_cache(model, cache, repository="Systran/faster-whisper-tiny", *, without=()):
    """Lay a model folder out as a Hugging Face cache does, leaving some files out."""
    home = Path(cache) / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(REVISION)
    for file in Path(model).iterdir():
        if file.name not in without:
            shutil.copy(file, snapshot / file.name)
    return snapshot


def _vocabulary():
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    languages = [code for code in _LANGUAGE_CODES if code != "yue"]  # as in all sizes up to v2
    letters = _byte_letters()
    fillers = [f"\u0120w{number}" for number in range(TEXT_TOKENS - len(letters) - len(WORDS) - 1)]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    return [
        *letters,
        *(f"\u0120{word}" for word in WORDS),
        *fillers,
        "",  # without an empty token CTranslate2 counts one token less: English only
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in languages),
        *(f"<|{name}|>" for name in tasks),
        *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
    ]


def _byte_letters():
    """The 256 printable characters that byte-level BPE writes bytes with."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + index) for index in range(len(rest))]


def _write_tokenizer(path, vocabulary):
    added = [
        {
            "id": number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for number, token in enumerate(vocabulary)
        if number >= TEXT_TOKENS
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    document = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(vocabulary[:TEXT_TOKENS])},
            "merges": [],
        },
    }
    path.write_text(json.dumps(document), encoding="utf-8")
