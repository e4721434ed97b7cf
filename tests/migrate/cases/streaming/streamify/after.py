import asyncio

import dspy

program = dspy.Predict("question -> answer")


async def stream(settings: dspy.Settings, question):
    run = dspy.streamify(program, stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")])
    async for chunk in run(settings, question=question):
        if isinstance(chunk, dspy.Prediction):
            return chunk
        print(chunk.chunk, end="")


if __name__ == "__main__":
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    asyncio.run(stream(dspy.settings, "Why?"))
