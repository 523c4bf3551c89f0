// Fifteen ticks a second from a worker, for pictures that go on while the page lies behind another tab.
setInterval(() => self.postMessage(0), 1000 / 15);
