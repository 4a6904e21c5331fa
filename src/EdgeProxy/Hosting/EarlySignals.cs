using EdgeProxy.Platform;

namespace EdgeProxy.Hosting;

/// <summary>Signals that an operator may send to every process of EdgeProxy at any time: their default ends one that does not listen to them yet.</summary>
internal static class EarlySignals
{
    public const int HangUp = 1; // SIGHUP, signal(7)
    public const int User2 = 12; // SIGUSR2

    /// <summary>Ignores these signals from the beginning of the process on.</summary>
    public static void Ignore()
    {
        foreach (var signal in (int[])[HangUp, User2])
        {
            _ = LibC.SetSignalAction(signal, LibC.Ignore);
        }
    }

    /// <summary>Right before one is listened to: the runtime leaves alone what is ignored, also by a parent such as nohup(1) (execve(2)).</summary>
    public static void Listen(int signal) => _ = LibC.SetSignalAction(signal, LibC.DefaultAction);
}
