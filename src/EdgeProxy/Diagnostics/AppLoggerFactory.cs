namespace EdgeProxy.Diagnostics;

/// <summary>Loggers whose events say which app they are about: as a value of their scope (the field <c>APP</c> in the journal) and, where there are several
/// apps, in front of the text.</summary>
/// <param name="loggers">Where the events go. Not disposed: it belongs to the process.</param>
/// <param name="app">The app's name.</param>
/// <param name="isOnly">There is no other app: the text needs no name.</param>
internal sealed class AppLoggerFactory(ILoggerFactory loggers, string app, bool isOnly) : ILoggerFactory
{
    private readonly KeyValuePair<string, object?>[] _scope = [new("App", app)];

    public ILogger CreateLogger(string categoryName) => new AppLogger(loggers.CreateLogger(categoryName), this);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Providers belong to the process, not to an app.");

    public void Dispose()
    {
    }

    private string Format(string message) => isOnly ? message : $"{app}: {message}";

    private sealed class AppLogger(ILogger inner, AppLoggerFactory factory) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            using var scope = inner.BeginScope(factory._scope);
            inner.Log(logLevel, eventId, state, exception, (values, error) => factory.Format(formatter(values, error)));
        }
    }
}
