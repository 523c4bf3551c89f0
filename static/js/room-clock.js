// Ticks every second from a worker: browsers slow the timers of a page that lies behind another tab (the meeting's),
// but not those of its worker.
setInterval(() => self.postMessage(0), 1000);
