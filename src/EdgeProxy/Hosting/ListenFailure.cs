using System.Net;
using System.Net.Sockets;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Hosting;

/// <summary>Says in one line why the server cannot listen and what to do.</summary>
internal static class ListenFailure
{
    private const string WayOut = "or change Kestrel:Endpoints in the settings.";

    /// <summary>What a person is told of a start that failed; null: it failed for another reason.</summary>
    /// <param name="isReplacement">Another process serves on.</param>
    public static string? Explain(Exception failure, bool isReplacement = false) => failure switch
    {
        PublicListenException => Ended(failure.Message, isReplacement),
        // Kestrel's own words name the address.
        IOException { InnerException: AddressInUseException } => Ended(
            $"{failure.Message} Stop what listens there ('ss -ltnp' names it), {WayOut}", isReplacement),
        // localhost: neither 127.0.0.1 nor ::1 can be had.
        IOException { InnerException: AggregateException { InnerExceptions: [PublicListenException first, ..] } } => Ended(first.Message, isReplacement),
        IOException => failure.Message, // the admin API says it itself; of a certificate of Kestrel:Endpoints the message names the file
        _ => null,
    };

    private static string Ended(string why, bool isReplacement) => isReplacement ? why : $"{why} EdgeProxy has ended and serves nothing.";

    /// <summary>Keeps the host from logging a start that failed, with a stack trace: <see cref="Explain"/> says it, or the exception that ends the
    /// process.</summary>
    /// <remarks>It logs that as an error; a background service that fails, also during the start, as critical, and that is never hidden.</remarks>
    public static void QuietUntil(this ILoggingBuilder logging, Func<bool> hasStarted) =>
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level == LogLevel.Critical || hasStarted());

    /// <summary>The same for an address that the kernel refuses for another reason than that it is taken.</summary>
    public static PublicListenException At(EndPoint endpoint, SocketException refusal)
    {
        var advice = refusal.SocketErrorCode == SocketError.AccessDenied
            ? "Ports below 1024 are for root, for CAP_NET_BIND_SERVICE, or handed over by a systemd socket unit: allow it one of these ways"
            : "Give this machine the address";
        return new PublicListenException($"EdgeProxy cannot listen on {endpoint}: {refusal.Message}. {advice}, {WayOut}", refusal);
    }

    /// <summary>A proxy that listens at a slot's address sends requests to itself, and one more for each response that it waits for.</summary>
    public static PublicListenException AtSlot(EndPoint endpoint, Slot slot) => new(
        $"{slot.App.SettingsPath}:Slots:{slot.Name}:Address is {slot.Address}, and EdgeProxy itself listens there ({endpoint}): each request would come back " +
            $"to it. Give the slot another port, {WayOut}");
}

/// <summary>A public address cannot be had, or is one of the app's.</summary>
/// <remarks>No <see cref="IOException"/>: where one address of several fails with something else, Kestrel goes on to the next (IPv4 where there is no
/// IPv6).</remarks>
internal sealed class PublicListenException(string message, Exception? inner = null) : Exception(message, inner);
