"""PyPI's `sseclient-py`, over httpx. Reconnecting is its user's."""

import time

import httpx
import sseclient

from say import ended, event, url

last_event_id = ""
retry = 0.05
while True:
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    try:
        with httpx.stream("GET", url, headers=headers, timeout=60) as answer:
            for seen in sseclient.SSEClient(answer.iter_bytes()).events():
                last_event_id = seen.id or last_event_id
                if seen.retry is not None:
                    retry = int(seen.retry) / 1000
                event(seen.event, seen.data, seen.id)
        ended("the stream ended")
    except httpx.TransportError as error:
        ended(error)
    time.sleep(retry)
