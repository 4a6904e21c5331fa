namespace EdgeProxy.Diagnostics.ServerEvents;

/// <summary>The host's loggers; those of Kestrel with <see cref="ServerLog"/> in front.</summary>
internal sealed class ServerLoggerFactory(ILoggerFactory inner, ServerLog log) : ILoggerFactory
{
    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public ILogger CreateLogger(string categoryName)
    {
        var logger = inner.CreateLogger(categoryName);
        return categoryName.StartsWith(ServerLog.Category, StringComparison.Ordinal) ? new ServerLogger(logger, categoryName, log) : logger;
    }

    public void Dispose() => inner.Dispose();

    private sealed class ServerLogger(ILogger inner, string category, ServerLog log) : ILogger
    {
        private readonly bool _isGeneral = category == ServerLog.Category;
        private readonly bool _isHttp2 = ServerLog.IsHttp2(category);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        /// <summary>The events that say that HTTP/2 was malformed are for debugging, and have no other trace.</summary>
        public bool IsEnabled(LogLevel logLevel) => (_isHttp2 && logLevel == LogLevel.Debug) || inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (_isHttp2 && state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                log.Observe(eventId.Id, values);
            }

            if (logLevel < LogLevel.Warning)
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }

            if (_isGeneral)
            {
                log.ObserveGeneral(logLevel, eventId.Id, exception);
            }

            var text = formatter(state, exception);
            if (log.Passes(category, logLevel, eventId.Id, exception, text))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
            else if (log.Suppress(text))
            {
                inner.Log(LogLevel.Debug, eventId, state, exception, formatter);
            }
        }
    }
}
