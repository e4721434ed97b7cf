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

    def forward(self, question):
        context = self.retrieve(question).passages
        return self.respond(context=context, question=question)


@asynccontextmanager
async def lifespan(app: FastAPI):
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    app.state.rag = RAG()
    yield


app = FastAPI(lifespan=lifespan)


def get_rag() -> RAG:
    return RAG()


@app.post("/ask")
def ask(body: Ask, rag: Annotated[RAG, Depends(get_rag)]):
    try:
        result = rag(question=body.question)
    except ValueError as error:
        raise HTTPException(400, str(error))
    return {"answer": result.response}


@app.post("/ask_async")
async def ask_async(body: Ask):
    rag = dspy.asyncify(RAG())
    result = await rag(question=body.question)
    return {"answer": result.response}


@app.post("/later")
async def later(body: Ask, tasks: BackgroundTasks):
    tasks.add_task(work, body.question)
    return {}


def work(question):
    with dspy.context(lm=dspy.LM("openai/gpt-4o")):
        print(RAG()(question=question))


class Service:
    def __init__(self, rag: RAG):
        self.rag = rag

    def answer_all(self, questions: list[str]) -> dict[str, str]:
        return {q: self.rag(question=q).response for q in questions}

    @property
    def last(self):
        return self.rag.respond.history
