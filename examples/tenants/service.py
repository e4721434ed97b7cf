"""A web service for several customers, each with a model of their own: `uvicorn service:app`.

One program object serves all of them at once. What differs is the settings each request hands it.
"""

from __future__ import annotations

from typing import Annotated

import dspy
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

TENANTS = {
    "acme": dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini", cache=False), track_usage=True),
    "globex": dspy.Settings(lm=dspy.LM("openai/gpt-4o", cache=False), track_usage=True),
}


class Answer(BaseModel):
    answer: str
    tokens: dict[str, int]


class Support(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.classify = dspy.Predict("message -> topic")
        self.reply = dspy.Predict("message, topic -> answer")

    async def forward(self, settings: dspy.Settings, message: str) -> dspy.Prediction:
        topic = (await self.classify(settings, message=message)).topic
        return await self.reply(settings, message=message, topic=topic)


app = FastAPI()
program = Support()


async def settings_of(x_tenant: Annotated[str, Header()]) -> dspy.Settings:
    """The settings of whoever asks: a child, so that a handler may change what it likes."""
    if x_tenant not in TENANTS:
        raise HTTPException(401, "unknown tenant")
    return TENANTS[x_tenant].context()


@app.post("/reply")
async def reply(message: str, settings: Annotated[dspy.Settings, Depends(settings_of)]) -> Answer:
    prediction = await program(settings, message=message)
    usage = prediction.get_lm_usage() or {}
    return Answer(answer=prediction.answer, tokens={model: each["total_tokens"] for model, each in usage.items()})
