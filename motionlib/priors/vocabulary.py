"""Words that a prior can write: those of the training captions, and marks before them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

PAD, START, END, UNKNOWN = range(4)
MARKS = 4
NEVER = (PAD, START, UNKNOWN)  # are not written
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]")


def words_of(caption: str) -> list[str]:
    """Lower-case words and signs of a caption."""
    return _WORD.findall(caption.lower())


def frequent(captions: Iterable[str], least: int) -> list[str]:
    """Words that at least so many captions hold, in alphabetical order."""
    counts = Counter(word for caption in captions for word in set(words_of(caption)))
    return sorted(word for word, count in counts.items() if count >= least)


class Vocabulary:
    """Ids of words: marks first, then the words in their order."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: number for number, word in enumerate(self.words, MARKS)}

    def __len__(self) -> int:
        return MARKS + len(self.words)

    def ids(self, captions: Sequence[str], longest: int, device: torch.device | str = "cpu") -> Tensor:
        """(N, S) int64: start, at most `longest` words, end, padding."""
        rows = [[self._ids.get(word, UNKNOWN) for word in words_of(caption)[:longest]] for caption in captions]
        padded = [torch.tensor([START, *row, END]) for row in rows]
        return pad_sequence(padded, batch_first=True, padding_value=PAD).to(device)

    def text(self, ids: Sequence[int]) -> str:
        """The words up to the end; signs stand at the word before them."""
        told = ""
        for number in ids:
            if number == END:
                break
            word = self.words[number - MARKS] if number >= MARKS else "?"
            told += word if not told or not word[0].isalnum() else f" {word}"
        return told
