using System.Diagnostics;

namespace EdgeProxy.State;

/// <summary>
/// Points after each step that outlives the process: a file written, a unit told to start or stop, traffic moved. A test names one by the environment
/// variable <see cref="Variable"/>, and the process ends there as by SIGKILL. Without the variable a point is one comparison with null.
/// </summary>
/// <remarks>
/// The value is a stage and a number: <c>switch 7</c> is the seventh point that the first switch passes, so a test that counts up until a switch survives has
/// met every point there is. Or it is what is said of a point, <c>vote put</c>: the first time that it is passed. A user who may set the environment of the
/// service may end it anyway.
/// </remarks>
internal static class CrashPoint
{
    public const string Variable = "EDGEPROXY_CRASH_AT";

    /// <summary>The stage of a process that has not begun a switch.</summary>
    public const string Start = "start";

    /// <summary>The stage from the beginning of a switch.</summary>
    public const string Switch = "switch";

    /// <summary>The stage from where a switch takes a warm slot as it is.</summary>
    public const string Reuse = "reuse";

    /// <summary>The stage from where clients get the candidate of a switch before its flip.</summary>
    public const string Canary = "canary";

    /// <summary>The stage from where a running switch turns back.</summary>
    public const string Rollback = "rollback";

    /// <summary>The stage from where a process begins to hand over to another one.</summary>
    public const string Handover = "handover";

    /// <summary>The start of a process that takes the place of another one.</summary>
    public const string Arrival = "arrival";

    private static readonly string? _at = Environment.GetEnvironmentVariable(Variable);
    private static string s_stage = Start;
    private static int s_passed;

    /// <summary>A stage begins: its points are counted from one.</summary>
    public static void Enter(string stage)
    {
        if (_at is not null)
        {
            (s_stage, s_passed) = (stage, 0);
        }
    }

    /// <summary>A step has been made, or is about to be made.</summary>
    /// <param name="thing">With what.</param>
    /// <param name="step">Which.</param>
    public static void Pass(string thing, string step)
    {
        if (_at is not null && ($"{s_stage} {Interlocked.Increment(ref s_passed)}" == _at || $"{thing} {step}" == _at))
        {
            Console.Error.WriteLine($"{Variable} {_at}: {thing} {step}");
            Process.GetCurrentProcess().Kill();
        }
    }
}
