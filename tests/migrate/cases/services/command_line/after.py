import asyncio

import click
import dspy


@click.group()
def cli():
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))


@cli.command()
@click.argument("question")
def ask(question):
    """Answers a question."""

    async def main():
        click.echo((await dspy.Predict("question -> answer")(dspy.settings, question=question)).answer)

    asyncio.run(main())


if __name__ == "__main__":
    cli()
