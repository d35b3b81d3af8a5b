"""The part of the shop that customers do not see: an application of its own, mounted."""

from fastapi import FastAPI, Request

admin = FastAPI()


@admin.get("/stock/{product_id}")
async def stock(request: Request, product_id: int):
    return await request.app.state.pool.fetchval("select stock from product where id = $1", product_id)
