from core.llm import Client as Client
