// A visit's requests: counted, and those to the host's origin given the visit's trace.
//
// Headers are added by the Fetch domain for addresses of the origin alone. What is set for a whole page would go to
// every other origin as well; and Playwright's own routes would switch the cache off. A request waits for this process
// to go on, a millisecond or so, which is in every number that the browser tells. What is added does not outlive a
// redirect: that is a request of its own, and asked about again. WebSockets and workers have no part in it.

import { randomBytes } from "node:crypto";

const PINGS_WITHIN_MS = 1000;

export class Network {
  #session;
  #orders;
  #origin;
  #trace = null;
  #counting = false;
  #pings = new Set();
  #left = () => {};

  requests = 0;
  bytes = 0;
  /** Of the first document at the host's origin that was answered since the visit began. */
  status = null;

  constructor(session, orders, origin) {
    this.#session = session;
    this.#orders = orders;
    this.#origin = origin;
  }

  /** Watch the page's requests from now on. */
  async watch() {
    const session = this.#session;
    session.on("Network.requestWillBeSent", (event) => this.#sent(event));
    session.on("Network.responseReceived", (event) => this.#answered(event));
    session.on("Network.loadingFinished", (event) => this.#over(event, event.encodedDataLength));
    session.on("Network.loadingFailed", (event) => this.#over(event, 0));
    session.on("Fetch.requestPaused", (event) => this.#paused(event));
    await session.send("Network.enable");
    await session.send("Fetch.enable", { patterns: [{ urlPattern: `${this.#origin}/*`, requestStage: "Request" }] });
  }

  /** Make the network, and the page's processor, what the lane says. */
  async emulate({ network, cpu }) {
    if (network !== null) {
      await this.#session.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: network.latency * 1e3,
        downloadThroughput: network.download,
        uploadThroughput: network.upload,
      });
    }
    if (cpu !== 1) await this.#session.send("Emulation.setCPUThrottlingRate", { rate: cpu });
  }

  /** Forget what logging in has left in the caches: on disk, and in the page's memory. */
  async forget() {
    await this.#session.send("Network.clearBrowserCache");
    await this.#session.send("Network.setCacheDisabled", { cacheDisabled: true });
    await this.#session.send("Network.setCacheDisabled", { cacheDisabled: false });
  }

  begin(traceId) {
    this.#trace = traceId;
    this.#counting = true;
  }

  /** Count no more. */
  end() {
    this.#counting = false;
  }

  /** Wait until beacons have gone out, which a page sends when it is left. */
  async left() {
    if (this.#pings.size === 0) return;
    let timer;
    await new Promise((resolve) => {
      this.#left = resolve;
      timer = setTimeout(resolve, PINGS_WITHIN_MS);
    });
    clearTimeout(timer);
  }

  #sent({ requestId, type, request, redirectResponse }) {
    if (this.#counting && /^https?:/.test(request.url)) {
      this.requests += 1;
      this.bytes += redirectResponse?.encodedDataLength ?? 0;
    }
    if (type === "Ping") this.#pings.add(requestId);
  }

  #answered({ type, response }) {
    if (!this.#counting || type !== "Document") return;
    // On its way to the page a visit may come by another site, such as where one signs in.
    if (response.url.startsWith(`${this.#origin}/`)) this.status ??= response.status;
  }

  #over({ requestId }, bytes) {
    if (this.#counting) this.bytes += bytes;
    if (this.#pings.delete(requestId) && this.#pings.size === 0) this.#left();
  }

  #paused({ requestId, request }) {
    // To a page of another origin, what is added would be its own doing, and its browser would ask whether it may.
    const from = Object.entries(request.headers).find(([name]) => name.toLowerCase() === "origin")?.[1];
    const ours = from === undefined || from === this.#origin;
    const headers = ours ? this.#with(request.headers) : undefined;
    this.#session.send("Fetch.continueRequest", { requestId, headers }).catch(() => {}); // the page is gone
  }

  #with(headers) {
    const { secret, traceparent } = this.#orders;
    const trace = this.#trace && { [traceparent]: `00-${this.#trace}-${randomBytes(8).toString("hex")}-01` };
    return Object.entries({ ...headers, ...secret, ...trace }).map(([name, value]) => ({ name, value }));
  }
}
