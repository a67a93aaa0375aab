"""Following: feeds give their new articles once, the folder's changes are indexed as they come."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field

import pytest
from filelock import FileLock

from assistant.corpus.pace import Pace
from assistant.errors import CorpusError, SettingsError, StoreError

from .fork_server import ASSISTANT, Forked
from .test_adding import html
from .web_server import WebServer, page

pytestmark = pytest.mark.slow
NOW = 1_900_000_000.0
HOUR = 3600.0
PATIENCE = 60
"""Seconds after which a test that waits in vain ends."""


@dataclass
class Clock:
    """Time that passes only while somebody waits; when it is over, it stops what it belongs to."""

    hours: float
    now: float = NOW
    stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.now > NOW + self.hours * HOUR:
            self.stop.set()


@pytest.fixture
def web():
    with WebServer() as server:
        yield server


@pytest.fixture
def site(web):
    """A feed and its pages, on this machine."""
    return Site(web)


@dataclass
class Site:
    web: WebServer

    def url(self, path):
        return f"http://127.0.0.1:{self.web.port}{path}"

    def feed(self, *names, **headers):
        items = "".join(f"<item><title>{n}</title><link>/{n}</link></item>" for n in names)
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>F</title>{items}</channel></rss>'
        return page(body, "application/rss+xml", **headers)

    def dated(self, **days):
        items = "".join(
            f"<item><title>{name}</title><link>/{name}</link><pubDate>2026-11-{day}</pubDate></item>"
            for name, day in days.items()
        )
        body = f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>"
        return page(body, "application/rss+xml")

    def article(self, name, **more):
        self.web.at(
            f"/{name}",
            page(
                html(
                    f"Story {name}",
                    f"The {name} was seen near the harbour on Tuesday by all of the fishermen.",
                    **more,
                )
            ),
        )

    def asked(self, path):
        return self.web.paths.count(path)


def follow(assistant, *urls, hours, every=None, start=NOW):
    """What happens in so many hours: lines."""
    clock = Clock(hours, start)
    pace = Pace(clock.stop, every, clock, clock.sleep)
    return [line for plan in assistant.follow(urls, pace) for line in lines(plan)]


def lines(plan):
    told = [f"{c.kind} {c.path or c.article_id}" for c in plan.changes if c.kind != "failed"]
    return [*told, *(f"failed {c.error}" for c in plan.failures), *plan.notes]


WHERE = "Where was the whale seen on Tuesday?"


@pytest.fixture
def changed(site, at_home):
    """Two articles of a feed are in the corpus, then the feed says that one has changed."""
    site.web.at("/feed", site.dated(whale=20, seal=20), site.dated(whale=21, seal=20))
    site.article("seal")
    whale, other = (
        page(html("Story whale", f"The whale was seen near the {place} on Tuesday by all of them."))
        for place in ("harbour", "lighthouse")
    )
    site.web.at("/whale", whale, other)
    return lambda **more: follow(at_home, site.url("/feed"), **more)


@pytest.fixture
def at_home(folder):
    with folder.open(allow_private_addresses=True) as assistant:
        yield assistant


# ---- feeds ----------------------------------------------------------------------------------


def test_a_followed_feed_gives_each_article_once_and_is_asked_for_changes_only(site, at_home):
    web = site.web
    web.at(
        "/feed",
        site.feed("whale", "seal", etag='"1"'),
        page("", None, 304),
        site.feed("otter", "whale"),
    )
    for name in ("whale", "seal", "otter"):
        site.article(name)
    told = follow(at_home, site.url("/feed"), hours=2)
    assert told[0].startswith(f"follows {site.url('/feed')}; asked again ")
    assert told[1:] == ["new story-whale.md", "new story-seal.md", "new story-otter.md"]
    conditions = [r.headers.get("if-none-match") for r in web.requests if r.path == "/feed"]
    assert conditions[:3] == [None, '"1"', '"1"']
    assert [site.asked(f"/{name}") for name in ("whale", "seal", "otter")] == [1, 1, 1]


def test_an_article_that_its_feed_says_has_changed_takes_the_place_of_the_old_one(
    site, at_home, changed
):
    assert changed(hours=0.1)[1:] == ["new story-whale.md", "new story-seal.md"]
    assert "harbour" in at_home.ask(WHERE).text
    assert changed(hours=2)[1:] == ["changed story-whale.md"]
    assert "lighthouse" in at_home.ask(WHERE).text
    assert len(at_home.articles()) == 2
    assert [site.asked("/whale"), site.asked("/seal")] == [2, 1]


def test_what_a_person_corrected_is_not_overwritten_by_what_its_feed_changed(
    site, folder, at_home, changed
):
    changed(hours=0.1)
    at_home.correct(site.url("/whale"), title="The great whale")
    url = site.url("/whale")
    told = (
        f"was corrected here, and has changed at {url} since; `assistant add {url}` takes the newer"
    )
    assert changed(hours=2)[1:] == [f"failed story-whale.md: {told} version"]
    assert at_home.article(site.url("/whale")).title == "The great whale"
    assert "harbour" in at_home.ask(WHERE).text
    at_home.add([site.url("/whale")])
    assert "lighthouse" in at_home.ask(WHERE).text


@pytest.mark.parametrize("how", ["removed", "added by hand"])
def test_what_was_removed_or_added_by_hand_is_left_alone_when_its_feed_changes_it(
    site, at_home, changed, how
):
    if how == "added by hand":
        at_home.add([site.url("/whale")])
    changed(hours=0.1)
    if how == "removed":
        at_home.remove(site.url("/whale"))
    assert changed(hours=2)[1:] == []
    assert site.asked("/whale") == 1


def test_what_an_older_program_knew_of_a_feed_is_kept(site, at_home, changed):
    changed(hours=0.1)
    with at_home._store.transaction() as connection:
        [(state,)] = connection.execute("SELECT state FROM feeds").fetchall()
        kept = json.loads(state)
        del kept["written"]
        kept["poll"]["seen"] = list(kept["poll"]["seen"])
        connection.execute("UPDATE feeds SET state = ?", (json.dumps(kept),))
    assert changed(hours=2)[1:] == []
    site.web.at("/feed", site.dated(otter=22, whale=21, seal=20))
    site.article("otter")
    assert follow(at_home, hours=4)[1:] == ["new story-otter.md"]


def test_begun_anew_it_goes_on_with_what_was_followed_and_asks_when_it_is_due(site, folder):
    site.web.at("/feed", site.feed("whale"))
    site.article("whale")
    site.article("seal")
    with folder.open(allow_private_addresses=True) as assistant:
        follow(assistant, site.url("/feed"), hours=0.1)
    site.web.at("/feed", site.feed("seal", "whale"))
    with folder.open(allow_private_addresses=True) as assistant:
        asked = site.asked("/feed")
        assert len(follow(assistant, hours=0.4)) == 1
        assert site.asked("/feed") == asked
        assert follow(assistant, hours=1)[1:] == ["new story-seal.md"]
        assert site.asked("/whale") == 1


def test_what_the_corpus_has_is_not_fetched_and_what_was_removed_stays_away(site, at_home):
    site.web.at("/feed", site.feed("whale", "seal"))
    site.article("whale")
    site.article("seal")
    at_home.add([site.url("/whale")])
    assert follow(at_home, site.url("/feed"), hours=0.1)[1:] == ["new story-seal.md"]
    at_home.remove(site.url("/seal"))
    site.web.at("/feed", site.feed("seal", "whale", etag='"2"'))
    assert len(follow(at_home, hours=2)) == 1
    assert [site.asked("/whale"), site.asked("/seal")] == [1, 1]


def test_ended_in_the_middle_it_goes_on_there(site, folder):
    site.web.at("/feed", site.feed("whale", "seal", "otter"))
    for name in ("whale", "seal", "otter"):
        site.article(name)
    with folder.open(allow_private_addresses=True) as assistant:
        clock = Clock(9)
        plans = assistant.follow([site.url("/feed")], Pace(clock.stop, None, clock, clock.sleep))
        assert [lines(next(plans))[0] for _ in range(2)][1] == "new story-whale.md"
    with folder.open(allow_private_addresses=True) as assistant:
        assert follow(assistant, hours=0.3)[1:] == ["new story-seal.md", "new story-otter.md"]
    assert [site.asked(path) for path in ("/whale", "/seal", "/feed")] == [1, 1, 1]


@pytest.mark.parametrize(
    "trouble, told",
    [
        (page("", status=500), "has trouble (500)"),
        (page("<html>words"), "is not a feed"),
        (page("", status=429, retry_after="600"), "left alone"),
    ],
)
def test_a_feed_that_fails_is_told_once_and_left_alone_until_it_answers(
    site, at_home, trouble, told
):
    site.article("whale")
    site.web.at("/feed", site.feed(), trouble, trouble, trouble, site.feed("whale"))
    happened = follow(at_home, site.url("/feed"), hours=9)[1:]
    assert told in happened[0]
    assert "it is asked again" in happened[1]
    assert happened[2:] == [f"{site.url('/feed')} answers again", "new story-whale.md"]


def test_without_a_network_it_says_so_once_and_tries_each_hour(folder):
    with WebServer() as web, folder.open(allow_private_addresses=True) as assistant:
        site = Site(web)
        web.at("/feed", site.feed())
        follow(assistant, site.url("/feed"), hours=0.1)
    with folder.open(allow_private_addresses=True) as assistant:
        told = follow(assistant, hours=30)
        assert len(told) == 3
        assert "cannot be reached" in told[1]
        [feed] = assistant.feeds()
        assert NOW + 30 * HOUR <= feed.next_time <= NOW + 31.1 * HOUR
        assert "cannot be reached" in feed.problem
        assert len(follow(assistant, hours=40, start=NOW + 30 * HOUR)) == 1


def test_a_feed_that_is_gone_is_not_followed_any_more(site, at_home):
    site.web.at("/feed", site.feed(), page("", status=410))
    told = follow(at_home, site.url("/feed"), hours=99)
    assert "not followed any more" in told[-1]
    assert not at_home.feeds()[0].followed


def test_a_page_that_fails_is_told_once_and_tried_three_times(site, at_home):
    site.web.at("/feed", site.feed("whale", "seal", etag="1"), page("", None, 304))
    site.web.at("/whale", page("later", status=404))
    site.web.at("/seal", page("later", status=404), page("<html></html>"), page("", status=500))
    told = follow(at_home, site.url("/feed"), hours=9)[1:]
    assert len(told) == 2
    assert all("has no page (404)" in line for line in told)
    assert [site.asked("/whale"), site.asked("/seal"), at_home.feeds()[0].waiting] == [3, 3, 0]


def test_a_page_that_comes_late_is_added_then(site, at_home):
    site.article("seal")
    site.web.at("/feed", site.feed("whale", "seal", etag="1"), page("", None, 304))
    site.web.at("/whale", page("", status=404), page(html("Story whale")))
    told = follow(at_home, site.url("/feed"), hours=2)[1:]
    assert told[1:] == ["new story-seal.md", "new story-whale.md"]


def test_a_site_that_wants_to_be_left_alone_is_left_alone(site, at_home):
    site.article("seal")
    site.web.at("/feed", site.feed("whale", "seal", etag="1"), page("", None, 304))
    site.web.at("/whale", page("", status=429, retry_after="7200"), page(html("Story whale")))
    told = follow(at_home, site.url("/feed"), hours=1.9)[1:]
    assert len(told) == 1
    assert (site.asked("/whale"), site.asked("/seal")) == (1, 0)
    told = follow(at_home, hours=4, start=NOW + 1.9 * HOUR)[1:]
    assert told == ["new story-whale.md", "new story-seal.md"]


def test_an_article_of_two_feeds_is_fetched_once(site, at_home):
    site.web.at("/feed", site.feed("whale"))
    site.web.at("/other", site.feed("whale"))
    site.article("whale")
    told = follow(at_home, site.url("/feed"), site.url("/other"), hours=2)
    assert [line for line in told if line.startswith("new")] == ["new story-whale.md"]
    assert site.asked("/whale") == 1


@pytest.mark.parametrize(
    "extra, every, asked",
    [("", None, 2), ("", 15 * 60.0, 4), ("<ttl>45</ttl>", 15 * 60.0, 2), ("", 2 * HOUR, 1)],
)
def test_a_feed_is_asked_as_often_as_one_wants_and_it_allows(site, at_home, extra, every, asked):
    body = f"<rss version='2.0'><channel><title>F</title>{extra}</channel></rss>"
    site.web.at("/feed", page(body, "application/rss+xml"))
    follow(at_home, site.url("/feed"), hours=0.9, every=every)
    assert site.asked("/feed") == asked


def test_robots_txt_keeps_from_following(site, at_home):
    site.web.at("/robots.txt", page("User-agent: *\nDisallow: /feed", "text/plain"))
    site.web.at("/feed", site.feed("whale"))
    [told] = follow(at_home, site.url("/feed"), hours=1)
    assert "robots.txt keeps programs out" in told
    assert site.asked("/feed") == 0


LINK = '<link rel="alternate" type="application/rss+xml" href="{}">'


def test_of_a_page_the_feed_that_it_names_is_followed(site, at_home):
    site.article("whale")
    site.web.at("/", page(html("Daily Post", more=LINK.format("/feed"))))
    site.web.at("/feed", site.feed("whale"))
    told = follow(at_home, site.url("/"), hours=0.1)
    assert told[0].startswith(f"follows {site.url('/feed')}, which {site.url('/')} names")
    assert told[1:] == ["new story-whale.md"]
    assert [feed.url for feed in at_home.feeds()] == [site.url("/feed")]


@pytest.mark.parametrize(
    "names, told", [((), ["names none"]), (("/a", "/b"), ["names 2 feeds", "/a", "/b"])]
)
def test_a_page_that_names_no_feed_or_several_is_not_followed(site, at_home, names, told):
    site.web.at("/", page(html("Daily Post", more="".join(map(LINK.format, names)))))
    [failed] = follow(at_home, site.url("/"), hours=1)
    assert all(part in failed for part in told)
    assert at_home.feeds() == []


def test_a_feed_that_is_added_again_has_nothing_new_or_only_that(site, at_home):
    web, url = site.web, site.url("/feed")
    web.at("/robots.txt", page("User-agent: *\nDisallow:", "text/plain"))
    web.at("/feed", site.feed("whale", etag='"1"'), page("", None, 304), site.feed("seal", "whale"))
    site.article("whale")
    site.web.at("/seal", page("", status=500), page(html("Story seal")))
    assert lines(at_home.add([url])) == ["new story-whale.md"]
    assert lines(at_home.add([url])) == [f"{url} has nothing new"]
    assert web.requests[-1].headers["if-none-match"] == '"1"'
    assert "has trouble (500)" in lines(at_home.add([url]))[0]
    assert lines(at_home.add([url])) == ["new story-seal.md"]
    assert site.asked("/whale") == 1
    assert not at_home.feeds()[0].followed


@pytest.mark.parametrize("urls, every", [((), None), (("http://127.0.0.1/feed",), 299)])
def test_what_cannot_be_followed_is_refused(at_home, urls, every):
    with pytest.raises(SettingsError):
        follow(at_home, *urls, hours=1, every=every)


def test_a_feed_is_followed_no_longer_when_one_says_so(site, at_home):
    site.web.at("/feed", site.feed())
    follow(at_home, site.url("/feed"), hours=0.1)
    at_home.unfollow(site.url("/feed"))
    assert [feed.followed for feed in at_home.feeds()] == [False]
    with pytest.raises(SettingsError):
        follow(at_home, hours=1)
    with pytest.raises(SettingsError, match="no feed that is known"):
        at_home.unfollow("http://news.example/")


def test_the_wait_for_a_feed_ends_when_it_is_stopped(site, at_home):
    site.web.at("/feed", site.feed())
    stop = threading.Event()
    for plan in at_home.follow([site.url("/feed")], Pace(stop)):
        assert plan.notes
        stopping = threading.Timer(0.05, stop.set)
        stopping.start()
    assert stop.is_set()


# ---- the folder -----------------------------------------------------------------------------


class Watching:
    """An assistant that follows its folder in a thread."""

    def __init__(self, assistant, **options):
        self.pace = Pace(waiting=lambda message: self.plans.put(message))
        self.plans = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._watch, args=(assistant, options))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.pace.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _watch(self, assistant, options):
        try:
            for plan in assistant.watch(self.pace, **options):
                self.plans.put(plan)
        except Exception as error:
            self.plans.put(error)
        self.plans.put("the end")

    def next(self):
        """The next plan, as lines; what else happened, as it is."""
        found = self.plans.get(timeout=PATIENCE)
        return lines(found) if hasattr(found, "changes") else found

    def until(self, *expected):
        """Waits until all of these have happened; a copied folder may come in several plans."""
        left = set(expected)
        while left:
            left -= set(self.next())


@pytest.mark.parametrize("polling", [False, True])
def test_what_changes_in_the_folder_is_indexed(folder, polling):
    folder.write("a.txt", "The whale likes krill.")
    folder.write("gone.txt", "The walrus likes clams.")
    with folder.open() as assistant, Watching(assistant, polling=polling) as watching:
        assert watching.next() == ["new a.txt", "new gone.txt"]
        folder.write("deep/b.txt", "The seal likes herring.")
        assert "new deep/b.txt" in watching.next()
        assert assistant.article("deep/b.txt").text == "The seal likes herring."
        folder.write("a.txt", "The whale likes plankton.")
        assert "changed a.txt" in watching.next()
        (folder.root / "gone.txt").unlink()
        assert "removed gone.txt" in watching.next()


def test_what_is_hidden_or_not_whole_yet_is_not_looked_at(folder):
    unfinished = ".a.txt.swp .hidden/b.txt c.txt.part d.txt~ e.crdownload #f.txt# ~$g.docx".split()
    with folder.open() as assistant, Watching(assistant) as watching:
        assert watching.next() == []
        for name in unfinished:
            folder.write(name, "Half of a")
        folder.write("whole.txt", "The seal likes herring.")
        assert watching.next() == ["new whole.txt"]
        (folder.root / "c.txt.part").rename(folder.root / "c.txt")
        assert "new c.txt" in watching.next()
        assert {a.path for a in assistant.articles()} == {"whole.txt", "c.txt"}


def test_a_file_that_cannot_be_read_is_told_once_until_it_changes(folder):
    folder.write("bad.md", "---\na: [\n---\nx")
    with folder.open() as assistant, Watching(assistant) as watching:
        assert "bad.md" in watching.next()[0]
        folder.write("good.txt", "The seal likes herring.")
        assert watching.next() == ["new good.txt"]
        folder.write("bad.md", "---\nb: [\n---\nxy")
        assert next(line for line in watching.next() if "bad.md" in line).startswith("failed")
        folder.write("bad.md", "The whale likes krill.")
        assert "new bad.md" in watching.next()


def test_a_folder_that_vanishes_is_waited_for_and_nothing_is_removed(folder, tmp_path):
    folder.write("a.txt", "The whale likes krill.")
    with folder.open() as assistant, Watching(assistant) as watching:
        watching.next()
        folder.root.rename(tmp_path / "elsewhere")
        assert "is gone: nothing is removed" in watching.next()[0]
        folder.write("../elsewhere/b.txt", "The seal likes herring.")
        (tmp_path / "elsewhere").rename(folder.root)
        watching.until(f"{folder.root} is back", "new b.txt")
        assert {a.path for a in assistant.articles()} == {"a.txt", "b.txt"}


def test_an_empty_folder_in_its_place_is_taken_for_none(folder, tmp_path):
    folder.write("a.txt", "The whale likes krill.")
    with folder.open(data=tmp_path / "data") as assistant, Watching(assistant) as watching:
        watching.next()
        folder.root.rename(tmp_path / "elsewhere")
        folder.root.mkdir()
        assert "is gone" in watching.next()[0]
        assert len(assistant.articles()) == 1
        folder.write("a.txt", "The whale likes krill.")
        folder.write("b.txt", "The seal likes herring.")
        watching.until(f"{folder.root} is back", "new b.txt")


def test_an_index_that_vanishes_with_its_folder_ends_it(folder):
    folder.write("a.txt", "The whale likes krill.")
    with folder.open() as assistant, Watching(assistant) as watching:
        watching.next()
        shutil.rmtree(folder.root)
        folder.write("a.txt", "The whale likes krill.")
        while not isinstance(found := watching.next(), StoreError):
            assert found != "the end"
        assert "run the command again" in str(found)


def test_another_writer_is_waited_for(folder):
    with folder.open() as assistant, Watching(assistant) as watching:
        watching.next()
        with FileLock(folder.root / ".assistant" / "writer.lock"):
            folder.write("a.txt", "The whale likes krill.")
            assert watching.next().startswith("waiting for another process")
            watching.pace.stop.set()
            while (found := watching.next()) != "the end":
                assert found.startswith("waiting")


def test_a_folder_that_is_not_there_is_refused(folder, tmp_path):
    with folder.open(data=tmp_path / "data") as assistant:
        folder.root.rmdir()
        with pytest.raises(CorpusError):
            next(assistant.watch())


# ---- the command line -----------------------------------------------------------------------


@pytest.fixture
def started():
    """Starts `assistant` in the background; fresh as a person does, with nothing imported."""
    running = []

    def start(corpus, *arguments, fresh=False):
        process = (subprocess.Popen if fresh else Forked)(
            [*ASSISTANT, "--corpus", corpus, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"ASSISTANT_ALLOW_PRIVATE_ADDRESSES": "true"},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def read_until(process, words):
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never printed")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_watching_ends_when_it_is_told(folder, started, sent):
    process = started(folder.root, "watch", fresh=sent == signal.SIGTERM)
    read_until(process, "watching")
    process.send_signal(sent)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert "stopped" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_following_on_the_command_line(site, folder, started):
    site.web.at("/feed", site.feed("whale"))
    site.article("whale")
    process = started(folder.root, "add", site.url("/feed"), "--follow", fresh=True)
    read_until(process, f"follows {site.url('/feed')}")
    assert "story-whale.md" in read_until(process, "new ")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    listed, _ = started(folder.root, "feeds", "--json", fresh=True).communicate(timeout=PATIENCE)
    assert [(f["url"], f["followed"]) for f in json.loads(listed)] == [(site.url("/feed"), True)]
    assert started(folder.root, "feeds", "--unfollow", site.url("/feed")).wait(PATIENCE) == 0
    nothing, _ = (process := started(folder.root, "add", "--follow")).communicate(timeout=PATIENCE)
    assert (process.returncode, len(nothing.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["add"], "name a SOURCE"),
        (["add", "a.txt", "--follow"], "only feeds"),
        (["add", "a.txt", "--every", "1h"], "--follow"),
        (["add", "--follow", "--every", "often"], "15m"),
        (["add", "http://127.0.0.1:1/feed", "--follow", "--every", "1m"], "5 minutes"),
        (["add", "http://127.0.0.1:1/feed", "--follow"], "cannot be reached"),
    ],
)
def test_a_mistaken_command_says_what_to_do(folder, started, arguments, told):
    process = started(folder.root, *arguments)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert told in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_the_chat_follows_the_folder_if_asked(folder, started):
    process = started(folder.root, "chat", "--port", "0", "--watch", fresh=True)
    read_until(process, "Open http")
    folder.write("a.txt", "The whale likes krill.")
    read_until(process, "new       a.txt")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in output
