using System.Runtime.InteropServices;
using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics.AccessLogging;

namespace EdgeProxy.Hosting;

/// <summary>What the process runs with, and how to read it again.</summary>
/// <param name="Loaded">The settings that the process was started with.</param>
/// <param name="LoadAgain">Reads and checks them as they are now.</param>
internal sealed record RunningSettings(LoadedSettings Loaded, Func<LoadedSettings> LoadAgain);

/// <summary>SIGHUP, as logrotate(8) sends it: opens the access log anew, checks the settings, and says what a new process would do with them.</summary>
/// <remarks>Settings are read once, at start: a new process applies them (<c>systemctl reload</c>), and nothing is ever half old and half new. Owned by the
/// host.</remarks>
/// <param name="settings">Those that run.</param>
/// <param name="log">Null: there is none.</param>
internal sealed partial class Reload(RunningSettings settings, AccessLog? log, ILogger<Reload> logger) : IHostedService, IDisposable
{
    private PosixSignalRegistration? _signal;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        EarlySignals.Listen(EarlySignals.HangUp); // its default is in force until the next line
        _signal = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true; // its default ends the process
            Run();
        });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _signal?.Dispose();

    /// <summary>What the signal does.</summary>
    internal void Run()
    {
        log?.Reopen();
        var found = settings.LoadAgain();
        foreach (var problem in found.Problems)
        {
            Log.Problem(logger, problem.Severity == SettingsSeverity.Error ? LogLevel.Error : LogLevel.Warning, problem);
        }

        if (!found.IsValid)
        {
            Log.NotValid(logger, found.File);
        }
        else if (IsRunning(found))
        {
            Log.Unchanged(logger, found.File);
        }
        else
        {
            Log.Changed(logger, found.File);
        }
    }

    private bool IsRunning(LoadedSettings found) =>
        found.Configuration.AsEnumerable().ToHashSet().SetEquals(settings.Loaded.Configuration.AsEnumerable());

    private static partial class Log
    {
        [LoggerMessage(EventId = 720, Message = "{Problem}")]
        public static partial void Problem(ILogger logger, LogLevel level, SettingsProblem problem);

        [LoggerMessage(
            721, LogLevel.Error,
            "{File} is not valid any more: a reload or restart would fail. The settings that EdgeProxy was started with stay in force; logs were opened anew")]
        public static partial void NotValid(ILogger logger, string file);

        [LoggerMessage(722, LogLevel.Information, "Logs were opened anew; {File} says what already runs")]
        public static partial void Unchanged(ILogger logger, string file);

        [LoggerMessage(
            723, LogLevel.Warning,
            "Logs were opened anew; {File} has changed and is valid. A reload applies it and loses no request: systemctl reload edgeproxy")]
        public static partial void Changed(ILogger logger, string file);
    }
}
