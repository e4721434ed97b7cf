from contextlib import asynccontextmanager
from typing import Annotated

import dspy
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from pydantic import BaseModel


class Ask(BaseModel):
    question: str


class RAG(dspy.Module):
    def __init__(self, k: int = 3):
        super().__init__()
        self.retrieve = dspy.Retrieve(k=k)
        self.respond = dspy.ChainOfThought("context, question -> response")

    async def forward(self, settings: dspy.Settings, question):
        context = (await self.retrieve(settings, question)).passages
        return await self.respond(settings, context=context, question=question)


@asynccontextmanager
async def lifespan(app: FastAPI):
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    app.state.rag = RAG()
    yield


app = FastAPI(lifespan=lifespan)


def get_rag() -> RAG:
    return RAG()


@app.post("/ask")
async def ask(body: Ask, rag: Annotated[RAG, Depends(get_rag)]):
    try:
        result = await rag(dspy.settings, question=body.question)
    except ValueError as error:
        raise HTTPException(400, str(error))
    return {"answer": result.response}


@app.post("/ask_async")
async def ask_async(body: Ask):
    rag = RAG()
    result = await rag(dspy.settings, question=body.question)
    return {"answer": result.response}


@app.post("/later")
async def later(body: Ask, tasks: BackgroundTasks):
    tasks.add_task(work, dspy.settings, body.question)
    return {}


async def work(settings: dspy.Settings, question):
    with settings.context(lm=dspy.LM("openai/gpt-4o")) as inner_settings:
        print(await RAG()(inner_settings, question=question))


class Service:
    def __init__(self, rag: RAG):
        self.rag = rag

    async def answer_all(self, settings: dspy.Settings, questions: list[str]) -> dict[str, str]:
        return {q: (await self.rag(settings, question=q)).response for q in questions}

    @property
    def last(self):
        return self.rag.respond.history
