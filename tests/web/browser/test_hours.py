"""Hours at a training, replayed: nothing grows."""

from __future__ import annotations

import os
import urllib.request

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


REPLAY = """
(record) => {
  const ask = window.fetch, later = window.setTimeout, tasks = new Map();
  let now = 0, name = 0, answers = 0;
  const state = {...record, state: "running", sentence: "", notices: []};
  performance.now = () => now;
  window.setTimeout = (act, wait) => { tasks.set(name += 1, {act, at: now + wait}); return name; };
  window.clearTimeout = (which) => tasks.delete(which);
  window.fetch = (path, how) => {
    if (!path.startsWith("/api/v1/run")) return ask(path, how);
    answers += 1;
    const text = JSON.stringify({...state, changes: answers, steps: answers, now: {...record.now, loss: String(answers)}});
    return Promise.resolve({ok: true, status: 200, json: async () => JSON.parse(text)});
  };
  window.watch = async (hours) => {
    for (const end = now + hours * 3600_000; now < end;) {
      const [which, next] = [...tasks].reduce((one, other) => (other[1].at < one[1].at ? other : one));
      tasks.delete(which);
      now = next.at;
      next.act();
      await new Promise((go) => (answers % 20 ? queueMicrotask(() => queueMicrotask(go)) : later(go)));
      for (let turn = 0; turn < 9; turn += 1) await null;
      const picture = document.getElementById("train-weights");
      if (!picture.complete) await picture.decode();
    }
    return answers;
  };
}
"""
"""The clock of the page in our hands, and the answers of a training that does not end: an hour passes in half a minute."""

HOURS = float(os.environ.get("HOURS", "1"))


def test_hours_at_a_training_do_not_grow(watched, served) -> None:
    """Each answer that the page gets, 14,400 an hour, is drawn: memory and elements are as many as after the first quarter
    of an hour. HOURS=8 replays eight.
    """
    page = watched.open("train")
    page.fill('input[name="epochs"]', "200")
    page.fill('input[name="hidden"]', "32")
    page.click("#train-start")
    expect(page.locator("#train-state")).to_contain_text("Finished", timeout=120_000)
    with urllib.request.urlopen(f"{served.address}api/v1/run") as answer:
        record = answer.read().decode()
    page.context.add_init_script(f"({REPLAY})({record})")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    held = []
    for hours in (0.25, HOURS / 2 - 0.25, HOURS / 2):
        answers = page.evaluate("(hours) => watch(hours)", hours)
        devtools.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
        held.append([found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"]])
    print(f"{answers} answers; heap, nodes, listeners: {held}")
    assert answers >= HOURS * 3600 * 4
    first, middle, last = held
    assert last[0] <= 1.1 * first[0]
    assert last[1] <= first[1] + 200
    assert last[2] <= first[2] + 50
    assert middle[1] <= first[1] + 200
    expect(page.locator("#chart-loss svg polyline")).to_have_count(2)
