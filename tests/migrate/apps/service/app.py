"""The web service: `uvicorn app:app`."""

from contextlib import asynccontextmanager

import dspy
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from shop.config import AppSettings, language_model, start
from shop.programs import Support, summarize

DESKS = {"orders": "Name the parcel's state.", "billing": "Name the sum."}


class Message(BaseModel):
    text: str


class Reply(BaseModel):
    desk: str
    text: str
    model: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    start(AppSettings.from_environment())
    app.state.support = Support(DESKS)
    yield


app = FastAPI(lifespan=lifespan)


def support() -> Support:
    return app.state.support


@app.get("/health")
def health():
    return {"ok": True}


@app.post("/reply", response_model=Reply)
def reply(message: Message, program: Support = Depends(support)):
    if not message.text.strip():
        raise HTTPException(status_code=422, detail="say something")
    answer = program(message=message.text)
    return Reply(desk=answer.desk, text=answer.reply, model=dspy.settings.lm.model)


@app.post("/second_opinion")
def second_opinion(message: Message, program: Support = Depends(support)):
    config = AppSettings.from_environment()
    with dspy.context(lm=language_model(config, config.fallback)):
        answer = program(message=message.text)
        model = dspy.settings.lm.model
    return {"text": answer.reply, "model": model}


@app.post("/digest")
async def digest(messages: list[Message]):
    lines = await dspy.asyncify(summarize)([each.text for each in messages])
    first = await dspy.Predict("lines -> title").acall(lines=lines)
    return {"title": first.title, "lines": lines}
