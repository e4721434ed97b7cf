"""Talks to the service as its clients do, and prints what it says."""

from app import app
from fastapi.testclient import TestClient

with TestClient(app) as client:
    print(client.get("/health").json())
    for text in ("Where is my parcel?", "What do I owe you?", "  "):
        answer = client.post("/reply", json={"text": text})
        print(answer.status_code, answer.json())
    print(client.post("/second_opinion", json={"text": "Where is my parcel?"}).json())
    print(client.post("/digest", json=[{"text": "Thanks!"}, {"text": "It is broken."}]).json())
