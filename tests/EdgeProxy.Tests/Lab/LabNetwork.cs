using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using EdgeProxy.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.Tests.Lab;

/// <summary>Connections from this process into the network of a lab that has one of its own.</summary>
/// <remarks>A socket belongs to the network namespace of the thread that makes it, for good (setns(2)): a thread enters it, makes one socket, and
/// ends.</remarks>
internal static partial class LabNetwork
{
    private const int NetworkNamespace = 0x40000000; // CLONE_NEWNET

    /// <summary>Connects to the lab's 127.0.0.1.</summary>
    /// <exception cref="SocketException">Refused, say.</exception>
    public static async ValueTask<Stream> ConnectAsync(this SystemdLab lab, int port, CancellationToken cancellationToken)
    {
        var socket = MakeSocket(lab.Pid);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket MakeSocket(int pid)
    {
        Socket? socket = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var network = File.OpenHandle($"/proc/{pid}/ns/net");
                if (SetNamespace(network, NetworkNamespace) != 0)
                {
                    throw new Win32Exception(Marshal.GetLastPInvokeError());
                }

                socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        Assert.True(thread.Join(Eventually.Patience));
        return socket ?? throw new InvalidOperationException($"no socket in the network of process {pid}", failure);
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle handle, int kind);
}
