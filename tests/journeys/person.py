"""Someone at a keyboard: no mouse, every page held against WCAG 2.2 AA."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Locator, Page, expect

from tests.journeys.conftest import House

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FOCUSED = "el => el === document.activeElement"


class Someone:
    """One person with their own browser, who signs in and only uses the keyboard."""

    def __init__(
        self,
        browser: Browser,
        house: House,
        *,
        scripts: bool = True,
        width: int = 1366,
        height: int = 768,
        pictures: Path | None = None,
    ) -> None:
        self.house = house
        self.scripts = scripts
        self.pictures = pictures
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            locale="fr-FR",
            timezone_id="America/Cayenne",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.seen: set[str] = set()

    def _console(self, message: Any) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def leave(self) -> None:
        """Close the browser; a script error or a breach of the content policy fails."""
        self.context.close()
        assert self.faults == []

    # Moving

    def go(self, path: str) -> None:
        self.page.goto(self.house.url + path)
        self.check()

    def reach(self, target: Locator) -> Locator:
        """Press Tab until the target has the focus: what cannot be reached so is a defect."""
        target = target.first
        expect(target).to_be_attached()
        for key in ("Tab", "Shift+Tab"):
            for _ in range(150):
                if target.evaluate(FOCUSED):
                    return target
                self.page.keyboard.press(key)
        raise AssertionError(f"cannot be reached with the keyboard: {target}")

    def type(self, label: str | re.Pattern[str], text: str) -> None:
        """Reach the field of this label and type."""
        self.reach(self.page.get_by_label(label))
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, label: str | re.Pattern[str], option: str) -> None:
        """Reach the list of this label and type the option's first letters, as one does."""
        field = self.reach(self.page.get_by_label(label))
        if field.evaluate("el => el.tagName") == "SELECT":
            # A closed list answers to letters; without a visible list Playwright sets it.
            field.select_option(label=option)
        else:
            self.page.keyboard.press("Space")

    def tick(self, label: str | re.Pattern[str], *, within: str = "") -> None:
        """Reach the box or the option of this label, in the group of this name, and press Space."""
        place = self.page.get_by_role("group", name=within) if within else self.page
        box = place.get_by_label(label)
        if box.get_attribute("type") == "radio":
            # One Tab enters a group of options; arrows move inside it.
            group = self.page.locator(f'input[name="{box.get_attribute("name")}"]')
            for _ in range(150):
                inside = self.page.evaluate("document.activeElement?.name || ''")
                if inside == box.get_attribute("name"):
                    break
                self.page.keyboard.press("Tab")
            for _ in range(group.count() + 1):
                if box.evaluate(FOCUSED):
                    break
                self.page.keyboard.press("ArrowDown")
            assert box.evaluate(FOCUSED), f"cannot be reached with the keyboard: {label}"
        else:
            self.reach(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")
        expect(box).to_be_checked()

    def press(self, name: str | re.Pattern[str], *, role: str = "button") -> None:
        """Reach the button or the link of this name, press Enter, and see what comes."""
        self._enter(self.page.get_by_role(role, name=name))  # type: ignore[arg-type]

    def press_in_main(self, name: str) -> None:
        """Press the button of this exact name in the page itself, not in the header."""
        main = self.page.get_by_role("main")
        self._enter(main.get_by_role("button", name=name, exact=True))

    def _enter(self, target: Locator) -> None:
        self.reach(target)
        self.page.evaluate("window.before = true")
        with self.page.expect_response(lambda answer: "/live" not in answer.url):
            self.page.keyboard.press("Enter")
        # Either a new page comes, or the answer is swapped into this one.
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            try:
                stayed, state = self.page.evaluate("[!!window.before, document.readyState]")
            except Error:
                continue  # between two pages
            if not stayed and state == "complete":
                break
            self.page.wait_for_timeout(50)
        self.check()

    def follow(self, name: str | re.Pattern[str]) -> None:
        self.press(name, role="link")

    # Looking

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def check(self) -> None:
        """Hold the page against WCAG 2.2 AA; each address once a person."""
        address = re.sub(r"/[0-9A-Z]{1,6}(?=/|$)", "/…", self.page.url)
        if address in self.seen:
            return
        self.seen.add(address)
        title = self.page.title()
        assert not re.search(r"claire|florimond|sébastien", title, re.IGNORECASE), title
        if not self.scripts:
            return  # axe is a script itself; the same pages are held with scripts
        report = Axe().run(self.page, options={"runOnly": STANDARDS})
        found = [
            f"{violation['id']}: {violation['help']} ({node['target']})"
            for violation in report.response["violations"]
            for node in violation["nodes"]
        ]
        assert found == [], f"{self.page.url}: {found}"
        if self.pictures is not None:
            name = re.sub(r"\W+", "-", address.split("//")[1].split("/", 1)[1]) or "accueil"
            self.page.screenshot(path=self.pictures / f"{name[:60]}.png", full_page=True)

    # Signing in

    def sign_in(self, email: str) -> None:
        """Sign in with the password and the code that the demonstration shows."""
        self.go("/compte/connexion")
        self.type(re.compile("Adresse"), email)
        self.type(re.compile("^Mot de passe"), self.house.password)
        self.press("Se connecter")
        if "/connexion" in self.page.url:
            self.give_code()
            self.check()
        assert "/connexion" not in self.page.url

    def give_code(self) -> None:
        """Type the code that the demonstration shows; one that served waits for the next."""
        address, given = self.page.url, None
        limit = time.monotonic() + 45
        while self.page.url == address and time.monotonic() < limit:
            code = re.search(r"\b(\d{3}) ?(\d{3})\b", self.page.locator("main").inner_text())
            assert code, "the demonstration shows the code"
            if code.group() == given:
                # A code opens one session only: somebody of this name signed in just before.
                self.page.wait_for_timeout(1500)
                self.page.goto(address)
                continue
            given = code.group()
            self.type(re.compile("code", re.IGNORECASE), "".join(code.groups()))
            self.page.keyboard.press("Enter")
            with suppress(Error):
                self.page.wait_for_url(lambda url: url != address, timeout=5000)
