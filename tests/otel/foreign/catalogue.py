"""What the shop sells."""

from fastapi import APIRouter, HTTPException, Request

catalogue = APIRouter()


@catalogue.get("/products")
async def products(request: Request, page: int = 0):
    async with request.app.state.pool.acquire() as db:
        total = await db.fetchval("select count(*) from product")
        rows = await db.fetch("select id, name from product order by id limit 10 offset $1", page * 10)
    return {"total": total, "products": [dict(row) for row in rows]}


@catalogue.get("/products/{product_id}")
async def product(request: Request, product_id: int):
    row = await request.app.state.pool.fetchrow("select name, price from product where id = $1", product_id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@catalogue.post("/prices")
async def prices(request: Request, changes: dict[int, int]):
    async with request.app.state.pool.acquire() as db:
        await db.execute("create temporary table change (id int, price int)")
        await db.copy_records_to_table("change", records=list(changes.items()))
        await db.execute("update product set price = change.price from change where change.id = product.id")
        await db.execute("drop table change")
        check = await db.prepare("select price from product where id = $1")
        return [await check.fetchval(product_id) for product_id in changes]
