"""A small shop."""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from admin import admin
from catalogue import catalogue
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

SCHEMA = """
create table if not exists customer (id serial primary key, token text unique not null, name text not null);
create table if not exists product (id serial primary key, name text not null, price int not null, stock int not null);
create table if not exists purchase (id serial primary key, customer_id int references customer, state text not null);
create table if not exists line (
    purchase_id int references purchase, product_id int references product, quantity int not null,
    primary key (purchase_id, product_id)
);
create table if not exists audit (at timestamptz default now(), what text not null);
insert into customer (token, name) values ('ada', 'Ada'), ('bob', 'Bob') on conflict do nothing;
insert into product (name, price, stock)
    select 'thing ' || i, i * 10, 1000 from generate_series(1, 25) i where not exists (select from product);
"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = admin.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=20)
    await app.state.pool.execute(SCHEMA)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)
app.include_router(catalogue, prefix="/catalogue")
app.mount("/shops/{shop}/admin", admin)


class Line(BaseModel):
    product: int
    quantity: int


async def connection(request: Request):
    async with request.app.state.pool.acquire() as acquired:
        yield acquired


Connection = Annotated[asyncpg.Connection, Depends(connection)]


async def customer(authorization: Annotated[str, Header()], db: Connection):
    found = await db.fetchrow("select id, name from customer where token = $1", authorization)
    if found is None:
        raise HTTPException(401)
    return found


Customer = Annotated[asyncpg.Record, Depends(customer)]


@app.get("/health")
async def health():
    return "ok"


@app.get("/me")
def me(who: Customer):
    return who["name"]


@app.post("/orders", status_code=201)
async def place_order(request: Request, lines: list[Line], tasks: BackgroundTasks, who: Customer, db: Connection):
    async with db.transaction():
        order = await db.fetchval(
            "insert into purchase (customer_id, state) values ($1, 'new') returning id", who["id"]
        )
        await db.executemany("insert into line values ($1, $2, $3)", [(order, x.product, x.quantity) for x in lines])
        for x in lines:
            await db.execute("update product set stock = stock - $2 where id = $1", x.product, x.quantity)
    tasks.add_task(note, request.app.state.pool, f"order {order}")
    return order


async def note(pool, what):
    await asyncio.sleep(0.05)
    await pool.execute("insert into audit (what) values ($1)", what)


@app.get("/orders")
async def orders(who: Customer, db: Connection):
    found = []
    for row in await db.fetch("select id, state from purchase where customer_id = $1 order by id limit 10", who["id"]):
        lines = await db.fetch("select product_id, quantity from line where purchase_id = $1", row["id"])
        found.append({"state": row["state"], "lines": [dict(line) for line in lines]})
    return found


@app.get("/dashboard")
async def dashboard(request: Request):
    pool = request.app.state.pool
    customers, products, soonest = await asyncio.gather(
        pool.fetchval("select count(*) from customer"),
        pool.fetchval("select count(*) from product where stock >= 0"),
        pool.fetchrow("select name from product order by price, id limit 1"),
    )
    return [customers, products, soonest["name"]]


@app.get("/export")
async def export(request: Request):
    async def rows():
        async with request.app.state.pool.acquire() as db, db.transaction():
            async for row in db.cursor("select id, name from product order by id", prefetch=10):
                yield f"{row['id']};{row['name']}\n"

    return StreamingResponse(rows(), media_type="text/csv")


@app.post("/customers")
async def register(name: str, db: Connection):
    try:
        await db.execute("insert into customer (token, name) values ($1, $2)", name.lower(), name)
    except asyncpg.UniqueViolationError:
        raise HTTPException(409) from None


@app.get("/broken")
async def broken(db: Connection):
    await db.fetch("select price / (stock - stock) from product")
