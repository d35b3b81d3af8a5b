"""A library of books, by SQLAlchemy."""

import os
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import ForeignKey, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

engine = create_async_engine(os.environ["DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship()


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session, session.begin():
        for n in range(6):
            session.add(Author(name=f"author {n}", books=[Book(title=f"book {n}.{k}") for k in range(2)]))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session():
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]


@app.get("/authors")
async def authors(db: Session):
    found = await db.scalars(select(Author).options(selectinload(Author.books)).order_by(Author.id))
    return [[author.name, len(author.books)] for author in found]


@app.get("/authors/slowly")
async def slowly(db: Session):
    found = []
    for author in await db.scalars(select(Author).order_by(Author.id)):
        count = await db.scalar(select(func.count()).select_from(Book).where(Book.author_id == author.id))
        found.append([author.name, count])
    return found


@app.post("/authors/{author_id}/books")
async def write(author_id: int, titles: list[str], db: Session):
    async with db.begin():
        db.add_all([Book(title=title, author_id=author_id) for title in titles])
    return await db.scalar(select(func.count()).select_from(Book).where(Book.author_id == author_id))


@app.get("/titles")
async def titles():
    async with engine.connect() as connection:
        rows = await connection.stream(select(Book.title).order_by(Book.id).limit(12))
        return [row.title async for row in rows]


@app.get("/raw")
async def raw():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
        return (await connection.execute(text("select :n + 1"), {"n": 1})).scalar()
