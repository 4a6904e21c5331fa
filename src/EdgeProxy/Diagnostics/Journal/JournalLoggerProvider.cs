using System.Globalization;

namespace EdgeProxy.Diagnostics.Journal;

/// <summary>Log events as entries of the journal with a field for each value: <c>journalctl -u edgeproxy SWITCH_ID=...</c> tells one deploy's story.</summary>
/// <remarks>
/// Values come from the holes of a message and from the scopes around it, so that what a unit manager says during a switch carries the switch, too. The
/// console formatter for systemd has text and priority only.
/// </remarks>
[ProviderAlias("Journal")]
internal sealed class JournalLoggerProvider(JournalSocket journal) : ILoggerProvider, ISupportExternalScope
{
    private IExternalScopeProvider? _scopes;

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public ILogger CreateLogger(string categoryName) => new JournalLogger(categoryName, this);

    public void Dispose() => journal.Dispose();

    private void Send(string category, LogLevel level, EventId eventId, string message, object? state, Exception? exception)
    {
        var entry = new JournaldEntry();
        entry.Add("MESSAGE", exception is null ? message : $"{message}\n{exception}");
        entry.Add("PRIORITY", Priority(level));
        entry.Add("SYSLOG_IDENTIFIER", "edgeproxy");
        entry.Add("LOGGER", category);
        entry.Add("EVENT_ID", eventId.Id.ToString(CultureInfo.InvariantCulture));
        entry.AddAll(state);
        _scopes?.ForEachScope(static (scope, entry) => entry.AddAll(scope), entry);
        if (journal.TrySend(entry.Bytes) && journal.TakeLost() is > 0 and var lost)
        {
            var gap = new JournaldEntry();
            gap.Add("MESSAGE", $"{lost} log events were lost before this: journald did not take them");
            gap.Add("PRIORITY", Priority(LogLevel.Warning));
            gap.Add("SYSLOG_IDENTIFIER", "edgeproxy");
            journal.TrySend(gap.Bytes);
        }
    }

    /// <summary>syslog(3).</summary>
    private static string Priority(LogLevel level) => level switch
    {
        LogLevel.Critical => "2",
        LogLevel.Error => "3",
        LogLevel.Warning => "4",
        LogLevel.Information => "6",
        _ => "7",
    };

    private sealed class JournalLogger(string category, JournalLoggerProvider provider) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => provider._scopes?.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            provider.Send(category, logLevel, eventId, formatter(state, exception), state, exception);
    }
}

internal static class JournalFeature
{
    /// <summary>Where standard error is the journal, log events go there with their fields, in place of lines of text.</summary>
    public static void UseJournal(this ILoggingBuilder logging)
    {
        if (JournalSocket.IsStandardError)
        {
            logging.ClearProviders();
            logging.AddProvider(new JournalLoggerProvider(new JournalSocket()));
        }
    }

    /// <summary>What is logged until the result is disposed, also by others, carries the values as fields.</summary>
    public static IDisposable? With(this ILogger logger, params (string Name, object? Value)[] fields) =>
        logger.BeginScope(Array.ConvertAll(fields, field => KeyValuePair.Create(field.Name, field.Value)));
}
