"""`make screenshots`: the pictures of docs/pictures, taken from a demo that has been lived to its end.

PERENNIAL_VAR names a demo that runs (its last lines print the value); else one is lived first, which takes minutes. The pages
are drawn by the Chromium of this system; nothing is downloaded.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, HttpCredentials, Locator, Page, sync_playwright

from perennial.errors import StackError
from perennial.local import Stack
from perennial.local.addresses import find_var

FOLDER = Path(__file__).parents[1] / "pictures"
WIDTH, COLOURS = 1280, 256
MAIL_WIDTH, MAIL_TOP = 760, 745  # where the chart of the mail ends
SETTLE_MILLISECONDS, PATIENCE_MILLISECONDS = 1500, 60_000
BROKEN_DAY, SUBJECT_OF_MAIL = "2017-11-13", "TRAIN"
TOLD = "stays up until"


@dataclass(frozen=True)
class Shot:
    """One picture: which page, how much of it, what must be seen before it is taken, and what is done before that."""

    name: str
    url: str
    height: int
    awaits: Callable[[Page], Locator]
    prepare: Callable[[Page], object] = lambda _: None


def take_pictures(stack: Stack, folder: Path = FOLDER) -> None:
    """Draw every page, and write it as a small PNG."""
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=choose_flags())
        user, password = stack.addresses.mlflow_login
        login = HttpCredentials(username=user, password=password, origin=stack.addresses.mlflow_url)
        page = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light", http_credentials=login)
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        log_in(page, stack)
        for shot in list_shots(stack):
            save_picture(take_shot(page, shot), folder / f"{shot.name}.png")
        mail = draw_mail(browser, find_mail(stack))
        save_picture(mail, folder / "mail.png")
        save_picture(mail, folder / "mail-top.png", height=MAIL_TOP)
        browser.close()


def list_shots(stack: Stack) -> tuple[Shot, ...]:
    airflow, mlflow = stack.addresses.airflow_url, stack.addresses.mlflow_url
    run_id = quote(stack.airflow.runs("lapse.refresh", partition_key=BROKEN_DAY)[-1]["dag_run_id"])
    return (
        Shot("dags", f"{airflow}/dags?tags=lapse", 1130, lambda page: page.get_by_text("lapse.score", exact=True)),
        Shot("models", f"{airflow}/plugin/perennial", 770, lambda page: page.frame_locator("iframe").get_by_text("spend_drop")),
        Shot(
            "model",
            f"{airflow}/dags/lapse.retrain/plugin/perennial-model",
            1260,
            lambda page: page.frame_locator("iframe").get_by_text("Published days"),
        ),
        Shot(
            "run",
            f"{airflow}/dags/lapse.refresh/runs/{run_id}/plugin/perennial-run",
            960,
            lambda page: page.frame_locator("iframe").get_by_text(f"The day {BROKEN_DAY}"),
        ),
        Shot("mlflow", f"{mlflow}/#/models/lapse/versions/1", 700, lambda page: page.get_by_text("Model card"), close_assistant),
        Shot("card", f"{airflow}/perennial/cards/lapse/1", 1010, lambda page: page.get_by_text("lapse, version 1")),
    )


def take_shot(page: Page, shot: Shot) -> bytes:
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    page.goto(shot.url)
    shot.awaits(page).first.wait_for()
    shot.prepare(page)
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    return page.screenshot()


def log_in(page: Page, stack: Stack) -> None:
    user, password = stack.login
    page.goto(stack.addresses.airflow_url)
    page.fill('input[name="username"]', user)
    page.fill('input[name="password"]', password)
    page.click('button[type="submit"]')
    page.get_by_text("Perennial").first.wait_for()


def close_assistant(page: Page) -> None:
    """MLflow opens a panel beside its pages at a browser's first visit, a moment after the page."""
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    panel = page.get_by_text("MLflow Assistant").first
    if panel.is_visible():
        page.get_by_role("button", name="Close").last.click()


# The mail
def find_mail(stack: Stack) -> EmailMessage:
    """The newest mail in the sink that tells of a TRAIN."""
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(stack.addresses.mail_folder.glob("*.eml"))
    ]
    found = [mail for mail in mails if SUBJECT_OF_MAIL in str(mail["subject"])]
    if not found:
        raise StackError(f"{stack.addresses.mail_folder} holds no mail about {SUBJECT_OF_MAIL}: was the demo lived to its end?")
    return found[-1]


def draw_mail(browser: Browser, mail: EmailMessage) -> bytes:
    """The HTML of a mail with its pictures in place, as a mail program shows it."""
    body = mail.get_body(("html",))
    assert body is not None
    html = str(body.get_content())
    for part in mail.walk():
        if part.get_content_maintype() == "image":
            name, data = str(part["Content-ID"]).strip("<>"), b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    page = browser.new_page(viewport={"width": MAIL_WIDTH, "height": 600}, color_scheme="light")
    page.set_content(html)
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    return page.screenshot(full_page=True)


# Files
def save_picture(png: bytes, path: Path, height: int | None = None) -> None:
    """Few colours, which pages of text do not miss, make a picture a fraction of its size; `height` keeps its top alone."""
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    picture = whole.crop((0, 0, whole.width, height or whole.height)).quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


# Chromium and the demo
def find_chromium() -> str:
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        raise StackError("There is no Chromium on PATH: install it (on Debian: apt-get install chromium).")
    return found


def choose_flags() -> list[str]:
    """Chromium refuses its sandbox to root; a proxy has no business between this machine and itself."""
    return ["--no-proxy-server", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@contextmanager
def open_demo() -> Iterator[Stack]:
    """The demo that PERENNIAL_VAR names, or one that is lived now and ended afterwards."""
    named = Stack(find_var())
    if named.record is not None:
        yield named
        return
    process = subprocess.Popen([sys.executable, "-m", "perennial", "demo"], stdout=subprocess.PIPE, text=True)
    try:
        await_end(process)
        yield Stack(find_var() / "demo")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def await_end(process: subprocess.Popen[str]) -> None:
    """Pass on what the demo says, until it has told its story and waits."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        if TOLD in line:
            return
    raise StackError("The demo ended before its story was told: its last lines say why.")


if __name__ == "__main__":
    with open_demo() as stack:
        take_pictures(stack)
