from pydantic_settings import BaseSettings


class Config(BaseSettings):
    model: str = "m"
    top: int = 3


settings = Config()
