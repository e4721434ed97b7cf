import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dspy


def read(path):
    return Path(path).read_text()


def examples(paths):
    with ThreadPoolExecutor(4) as pool:
        return [dspy.Example(text=text) for text in pool.map(read, paths)]


def beat(stop: threading.Event):
    threading.Thread(target=stop.wait, daemon=True).start()
