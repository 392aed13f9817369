"""PyPI's `httpx-sse`. Reconnecting is its user's, as its README has it."""

import time

import httpx
import httpx_sse

from say import ended, event, url

last_event_id = ""
retry = 0.05
with httpx.Client(timeout=60) as client:
    while True:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        try:
            with httpx_sse.connect_sse(client, "GET", url, headers=headers) as source:
                for seen in source.iter_sse():
                    last_event_id = seen.id
                    if seen.retry is not None:
                        retry = seen.retry / 1000
                    event(seen.event, seen.data, seen.id)
            ended("the stream ended")
        except httpx.TransportError as error:
            ended(error)
        time.sleep(retry)
