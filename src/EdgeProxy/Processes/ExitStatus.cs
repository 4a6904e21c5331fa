namespace EdgeProxy.Processes;

/// <summary>How a child ended, in systemd's words.</summary>
/// <param name="Code">The exit code, or 128 + the signal that ended it, as a shell says it (and as .NET does, which cannot tell the two apart).</param>
internal readonly record struct ExitStatus(int Code)
{
    /// <summary>The program could not be executed (EXIT_EXEC of systemd.exec(5)).</summary>
    public const int CannotExecute = 203;

    /// <summary>It was another process's child: nobody has told this one.</summary>
    public static readonly ExitStatus Unknown = new(-1);

    private const int HighestSignal = 64;

    public int? Signal => Code is > 128 and <= 128 + HighestSignal ? Code - 128 : null;

    /// <summary>
    /// Exit code 0, or one of the signals by which services are asked to end: SIGHUP, SIGINT, SIGPIPE, SIGTERM (systemd.service(5),
    /// <c>SuccessExitStatus</c>).
    /// </summary>
    public bool IsClean => Code == 0 || Signal is 1 or 2 or 13 or 15;

    /// <summary>systemd's Result.</summary>
    public string Result => IsClean ? "success" : Signal is null ? "exit-code" : "signal";

    /// <summary>Exit code or signal number, as systemd's ExecMainStatus.</summary>
    public int Status => Signal ?? Code;

    public override string ToString() =>
        this == Unknown ? "ended, nobody knows how" : Signal is { } signal ? $"ended by signal {signal}" : $"exited with code {Code}";
}
