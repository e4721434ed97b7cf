import click
import dspy


@click.group()
def cli():
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))


@cli.command()
@click.argument("question")
def ask(question):
    """Answers a question."""
    click.echo(dspy.Predict("question -> answer")(question=question).answer)


if __name__ == "__main__":
    cli()
