from ssr_connector.word_errors import character_errors, hallucinates, language_code, word_errors


def test_word_errors_count_after_normalisation():
    assert (word_errors("The colour, isn't red!", "the color is not red").errors) == 0
    counted = word_errors("a quick brown fox", "a quick fox jumps now")
    assert (counted.errors, counted.words) == (3, 4)
    empty = word_errors("...", "two words")
    assert (empty.errors, empty.words) == (2, 0)


def test_other_languages_are_not_read_as_english():
    assert word_errors("Er kommt um acht.", "er kommt acht", "de").errors == 1
    counted = word_errors("我们去北京。", "我去北京", "zh")  # else one word, and all of it wrong
    assert (counted.errors, counted.words) == (1, 5)
    assert character_errors("我们去北京。", "我去北京", "zh") == (1, 5)
    assert character_errors("हिन्दी में", "हिन्दी मे", "hi")[0] == 1  # its vowels are marks, and kept


def test_languages_are_known_by_code_and_by_name():
    names = ["en", "en-US", "English", None, "zh-CN", "Chinese", "cmn", "de", "German", "xx"]
    assert [language_code(name) for name in names] == ["en", "en", "en", "en", "zh", "zh", "zh", "de", "de", "xx"]


def test_characters_insertions_and_what_counts_as_a_hallucination():
    assert character_errors("The colour!", "the color") == (0, 9)
    assert character_errors("a cat", "a cart") == (1, 5)
    assert character_errors("...", "ab") == (2, 0)
    longer = word_errors("one red dog barks", "one red dog barks at the moon")
    assert longer.insertions == 3
    assert hallucinates(longer, 0.5)
    assert not hallucinates(longer, 0.75)
    assert not hallucinates(word_errors("one red dog", "a blue cat"), 0.0)
    assert hallucinates(word_errors("...", "a word"), 0.5)
