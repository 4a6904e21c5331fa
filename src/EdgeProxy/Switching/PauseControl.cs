using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>What became of a call to pause.</summary>
internal abstract record PauseStart
{
    private PauseStart()
    {
    }

    /// <summary>No ordinary request is in the app, and none gets there until it is resumed.</summary>
    public sealed record Paused : PauseStart;

    /// <summary>Requests were in the app for too long, so that it was resumed.</summary>
    public sealed record NotQuiet(int Left) : PauseStart;

    /// <summary>Somebody has resumed it meanwhile.</summary>
    public sealed record Resumed : PauseStart;

    /// <summary>A restart of the proxy would have ended it unnoticed, so that it was resumed.</summary>
    public sealed record NotKept(string Problem) : PauseStart;
}

/// <summary>Pauses the app and resumes it: in between no ordinary request is in it, as an incompatible migration needs it.</summary>
/// <remarks>
/// Streams and WebSockets that are open stay; new ones wait. A slot that still drains counts as well as the active one: its requests use the same database.
/// A pause belongs to the caller that was told of it: one that disconnects before that ends it.
/// </remarks>
internal sealed partial class PauseControl(
    MaintenanceGate gate, SlotPair slots, IFormerRequests former, StateDirectory directory, TimeProvider time, ILogger<PauseControl> logger) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    private readonly SemaphoreSlim _turn = new(1, 1); // one call at a time writes the file

    private int InFlight => SlotNameExtensions.All.Sum(slot => slots[slot].InFlight.Http);

    /// <summary>Takes up the pause of the former process, before a listener opens. A file that cannot be read pauses nothing: it is logged, and the proxy
    /// serves.</summary>
    public void Restore()
    {
        var (record, problem) = directory.ReadVersioned(PauseRecord.FileName, SwitchingJson.Default.PauseRecord);
        if (problem is not null)
        {
            Log.NotRestored(logger, problem);
        }
        else if (record is not null)
        {
            gate.Close(new Pause(record.Since, record.MaxWait));
            Log.Restored(logger, record.Since);
        }
    }

    /// <summary>Pauses. Called again it changes how long requests wait.</summary>
    /// <param name="maxWait">How long a request waits, and how long those that are in the app may take to end.</param>
    /// <param name="callerLeft">Nobody waits for the response: the app is resumed.</param>
    public async Task<PauseStart> PauseAsync(TimeSpan maxWait, CancellationToken callerLeft)
    {
        await _turn.WaitAsync(callerLeft);
        var pause = new Pause(time.GetUtcNow(), maxWait);
        gate.Close(pause);
        PauseStart start = new PauseStart.NotQuiet(0);
        try
        {
            start = await IsQuietAsync(pause, callerLeft)
                ? KeepIfStill(pause)
                : gate.Pause == pause
                ? new PauseStart.NotQuiet(InFlight)
                : new PauseStart.Resumed();
            return start;
        }
        finally
        {
            if (start is not PauseStart.Paused)
            {
                Undo(pause);
            }

            _turn.Release();
            Log.Paused(logger, start is PauseStart.Paused ? LogLevel.Warning : LogLevel.Error, maxWait.TotalSeconds, start.GetType().Name);
        }
    }

    /// <summary>Releases the waiting requests. One that is not paused stays as it is.</summary>
    /// <returns>Why the next start would pause again; null: all is well.</returns>
    public async Task<string?> ResumeAsync(CancellationToken cancellationToken)
    {
        gate.Open(); // at once, also while a call to pause waits
        await _turn.WaitAsync(cancellationToken);
        try
        {
            directory.Delete(PauseRecord.FileName);
            Log.Resumed(logger);
            return null;
        }
        catch (StateException e)
        {
            Log.FileStays(logger, e.Message);
            return e.Message;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<bool> IsQuietAsync(Pause pause, CancellationToken callerLeft)
    {
        var started = time.GetTimestamp();
        while (InFlight > 0 || await FormerInFlightAsync(callerLeft) > 0)
        {
            if (gate.Pause != pause || time.GetElapsedTime(started) >= pause.MaxWait)
            {
                return false;
            }

            await Task.Delay(Look, time, callerLeft);
        }

        return true;
    }

    /// <summary>The processes before this one close their gates before they count.</summary>
    private async Task<int> FormerInFlightAsync(CancellationToken callerLeft)
    {
        var sum = 0;
        foreach (var slot in SlotNameExtensions.All)
        {
            sum += (await former.CountAsync(slots.App.Name, slot, callerLeft)).Http;
        }

        return sum;
    }

    private PauseStart KeepIfStill(Pause pause)
    {
        try
        {
            directory.WriteJson(
                PauseRecord.FileName,
                new PauseRecord { Version = VersionedRecord.CurrentVersion, Since = pause.Since, MaxWait = pause.MaxWait },
                SwitchingJson.Default.PauseRecord);
            return gate.Pause == pause ? new PauseStart.Paused() : new PauseStart.Resumed(); // the caller that resumes deletes the file after us
        }
        catch (StateException e)
        {
            return new PauseStart.NotKept(e.Message);
        }
    }

    /// <summary>Also the file of an earlier pause: that one is over, too.</summary>
    private void Undo(Pause pause)
    {
        if (gate.Pause == pause)
        {
            gate.Open();
        }

        try
        {
            directory.Delete(PauseRecord.FileName);
        }
        catch (StateException e)
        {
            Log.FileStays(logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 390, Message = "Pause, with requests that wait for at most {Seconds} s: {Result}")]
        public static partial void Paused(ILogger logger, LogLevel level, double seconds, string result);

        [LoggerMessage(391, LogLevel.Warning, "The app is resumed")]
        public static partial void Resumed(ILogger logger);

        [LoggerMessage(392, LogLevel.Warning, "The app has been paused since {Since}, as the former process has left it; `edgeproxy resume` ends that")]
        public static partial void Restored(ILogger logger, DateTimeOffset since);

        [LoggerMessage(393, LogLevel.Error, "The pause state is unknown, so the app is served: {Problem}")]
        public static partial void NotRestored(ILogger logger, string problem);

        [LoggerMessage(394, LogLevel.Error, "The app is resumed, but the next start would pause it again: {Problem}")]
        public static partial void FileStays(ILogger logger, string problem);
    }
}
