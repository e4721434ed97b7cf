from contextlib import asynccontextmanager

import dspy
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel


class Question(BaseModel):
    text: str


class Answer(BaseModel):
    text: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    yield


app = FastAPI(lifespan=lifespan)


def program() -> dspy.Module:
    return dspy.ChainOfThought("question -> answer")


@app.get("/health")
def health():
    return {"ok": True}


@app.post("/answer", response_model=Answer)
async def answer(question: Question, qa: dspy.Module = Depends(program)):
    if not question.text:
        raise HTTPException(status_code=422)
    return Answer(text=(await qa(dspy.settings, question=question.text)).answer)


@app.post("/answer_async")
async def answer_async(question: Question):
    result = await program().acall(dspy.settings, question=question.text)
    return {"text": result.answer}
